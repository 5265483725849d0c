!true #> false
---
!false #> true
---
!!true #> true
---
!1 #! type-error
---
true && false #> false
---
false && throw "not looked at" #> false
---
true || throw "not looked at" #> true
---
false || true #> true
---
true && 1 #! type-error
---
1 && true #! type-error
---
null || true #! type-error
---
false -> throw "not looked at" #> true
---
true -> false #> false
---
true -> true #> true
---
false -> false -> false #> true
---
(false -> false) -> false #> false
---
true && true || false && false #> true
---
false && true || true #> true
---
!true || true #> true
---
!(true && false) #> true
---
!false && false #> false
---
[ 1 ] ++ [ 2 ] ++ [ 3 ] #> [ 1 2 3 ]
---
[ ] ++ [ ] #> [ ]
---
[ 1 ] ++ 2 #! type-error
---
"a" ++ [ ] #! type-error
---
{ a = 1; } // { b = 2; } #> { a = 1; b = 2; }
---
{ a = 1; } // { a = 2; } #> { a = 2; }
---
{ a = 1; } // { a = 2; } // { a = 3; } #> { a = 3; }
---
{ } // 1 #! type-error
---
null // { } #! type-error
---
{ a = { b = 1; }; } // { a = { c = 2; }; } #> { a = { c = 2; }; }
---
{ a = 1; } ? a #> true
---
{ a = 1; } ? b #> false
---
{ a.b = 1; } ? a.b #> true
---
{ a.b = 1; } ? a.c #> false
---
{ a = 1; } ? a.b #> false
---
1 ? a #> false
---
null ? a.b #> false
---
{ "a b" = 1; } ? "a b" #> true
---
let n = "a"; in { a = 1; } ? ${n} #> true
---
{ a = throw "not looked at"; } ? a #> true
---
{ a = throw "looked at"; } ? a.b #! throw
---
!{ a = 1; } ? a #> false
---
- 1 + 2 #> 1
---
-1 + 2 #> 1
---
"a" + "b" + "c" #> "abc"
---
"a" + 1 #! cannot-coerce
---
/a + "b" #> /ab
---
/a + "/b" #> /a/b
---
/a + /b #> /a/b
---
/a/b + "/../c" #> /a/c
---
"a" + null #! cannot-coerce
---
[ ] + [ ] #! cannot-coerce
---
{ } + { } #! cannot-coerce
---
{ __toString = self: "x"; } + "y" #> "xy"
---
"y" + { __toString = self: "x"; } #> "yx"
---
{ outPath = "x"; } + "y" #> "xy"
---
1 + { outPath = "x"; } #! cannot-add
---
1 == 1 && 2 == 2 #> true
---
1 + 1 == 2 #> true
---
1 < 2 && 2 < 3 #> true
---
[ 1 ] ++ [ 2 ] == [ 1 2 ] #> true
---
{ a = 1; } // { b = 2; } == { a = 1; b = 2; } #> true
---
{ a = 1; }.a or 2 #> 1
---
{ a = 1; }.b or 2 #> 2
---
{ a = 1; }.b.c or 2 #> 2
---
{ a = 1; }.a.c or 2 #> 2
---
1.a or 2 #! undefined-variable
---
{ a.b = 1; }.a.b #> 1
---
{ a = 1; }.b #! attribute-missing
---
{ a.b = 1; }.a.c #! attribute-missing
---
1.a #! undefined-variable
---
(1).a #! type-error
---
null.a or "default" #> "default"
---
{ a = null; }.a.b or "default" #> "default"
---
{ a = x: x + 1; }.a 2 #> 3
---
{ a = x: x; }.b or (x: x * 2) 5 #> 10
---
(x: x) { a = 1; }.a #> 1
---
[ { a = 1; }.a ] #> [ 1 ]
---
[ (x: x) 1 ] #> [ <LAMBDA> 1 ]
---
1 |> (x: x + 1) #> 2
---
1 |> (x: x + 1) |> (x: x * 10) #> 20
---
(x: x + 1) <| 1 #> 2
---
(x: x * 10) <| (x: x + 1) <| 1 #> 20
---
[ 3 1 2 ] |> builtins.sort builtins.lessThan |> builtins.head #> 1
---
1 |> 2 #! not-a-function
---
if true then 1 else 2 #> 1
---
if false then 1 else 2 #> 2
---
if 1 then 1 else 2 #! type-error
---
if null then 1 else 2 #! type-error
---
if true then 1 else throw "not looked at" #> 1
---
(if false then 1 else 2) + 1 #> 3
---
assert true; 1 #> 1
---
assert false; 1 #! assertion-failed
---
assert 1; 1 #! type-error
---
assert 1 == 1; "fine" #> "fine"
---
assert
  1 == 2;
3 #! assertion-unequal
---
# What is no text is found out before the other side is looked at.
(builtins.tryEval (null + throw "x")).success #! cannot-coerce
---
(builtins.tryEval ("" + throw "x")).success #> false
---
{ outPath = 1; } + throw "x" #! cannot-coerce
