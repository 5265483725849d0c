1 == 1 #> true
---
1 == 2 #> false
---
1 != 2 #> true
---
1 == 1.0 #> true
---
1.0 == 1 #> true
---
9007199254740993 == 9007199254740992.0 #> true
---
9007199254740993 == 9007199254740992 #> false
---
"a" == "a" #> true
---
"a" == "b" #> false
---
null == null #> true
---
null == false #> false
---
true == true #> true
---
true == 1 #> false
---
"1" == 1 #> false
---
/a == /a #> true
---
/a == "/a" #> false
---
/a/../b == /b #> true
---
[ ] == [ ] #> true
---
[ 1 2 ] == [ 1 2 ] #> true
---
[ 1 2 ] == [ 2 1 ] #> false
---
[ 1 ] == [ 1 2 ] #> false
---
[ 1 2 ] == [ 1 2.0 ] #> true
---
[ [ 1 ] [ ] ] == [ [ 1 ] [ ] ] #> true
---
{ } == { } #> true
---
{ a = 1; b = 2; } == { b = 2; a = 1; } #> true
---
{ a = 1; } == { a = 2; } #> false
---
{ a = 1; } == { b = 1; } #> false
---
{ a = 1; } == { a = 1; b = 2; } #> false
---
{ a = { b = [ 1 { c = null; } ]; }; } == { a = { b = [ 1 { c = null; } ]; }; } #> true
---
[ 1 (throw "looked at") ] == [ 1 2 ] #! throw
---
[ 1 (throw "not looked at") ] == [ 2 2 ] #> false
---
[ (throw "not looked at") ] == [ ] #> false
---
{ a = throw "not looked at"; } == { } #> false
---
{ a = throw "not looked at"; } == { b = 1; } #> false
---
{ a = 1; b = throw "not looked at"; } == { a = 2; b = 1; } #> false
---
{ a = throw "looked at"; b = 1; } == { a = 1; b = 2; } #! throw
---
(x: x) == (x: x) #> false
---
let f = x: x; in f == f #> false
---
let f = x: x; in [ f ] == [ f ] #> true
---
let f = x: x; in { inherit f; } == { inherit f; } #> true
---
let s = { f = x: x; }; in s == s #> true
---
let s = { f = x: x; }; in s == { inherit (s) f; } #> false
---
let l = [ (x: x) ]; in l == l #> true
---
let l = [ (x: x) ]; in [ l ] == [ l ] #> true
---
let x = throw "looked at"; in [ x ] == [ x ] #! throw
---
let s = { a = throw "looked at"; }; in s == s #! throw
---
let s = { a = throw "looked at"; }; in { inherit s; } == { inherit s; } #> true
---
builtins.map == builtins.map #> false
---
let b = builtins; in b.map == b.map #> false
---
[ builtins.map ] == [ builtins.map ] #> false
---
{ type = "derivation"; outPath = "/a"; x = 1; } == { type = "derivation"; outPath = "/a"; x = 2; } #> true
---
{ type = "derivation"; outPath = "/a"; } == { type = "derivation"; outPath = "/b"; } #> false
---
{ type = "derivation"; x = 1; } == { type = "derivation"; x = 1; } #> true
---
{ type = "derivation"; outPath = "/a"; x = throw "not looked at"; } == { type = "derivation"; outPath = "/a"; } #> true
---
{ type = "deri" + "vation"; outPath = "/" + "a"; x = 1; } == { type = "derivation"; outPath = "/a"; x = 2; } #> true
---
{ type = "deri" + "vation"; outPath = "/" + "a"; } == { type = "derivation"; outPath = "/" + "b"; } #> false
---
let a = { type = "deri" + "vation"; outPath = "/" + "a"; x = 1; }; in builtins.seq a.type (builtins.seq a.outPath (a == a // { x = 2; })) #> true
---
{ type = "derivation"; outPath = 1; x = 1; } == { type = "derivation"; outPath = 1.0; x = 2; } #> true
---
{ type = "derivation"; outPath = [ 1 ]; x = 1; } == { type = "derivation"; outPath = [ 1 ]; x = 2; } #> true
---
let f = x: x; in { type = "derivation"; outPath = f; x = 1; } == { type = "derivation"; outPath = f; x = 2; } #> true
---
{ type = "derivation"; outPath = "/a"; } == { type = "derivation"; outPath = 1; } #> false
---
{ type = "derivation"; outPath = 1; } == { type = "derivation"; outPath = "/a"; } #> false
---
{ type = "derivation"; outPath = "/a"; } == { type = "derivation"; } #> false
---
{ type = "derivation"; outPath = "/a"; } == { type = "package"; outPath = "/a"; } #> false
---
{ type = 1; outPath = "/a"; x = 1; } == { type = 1; outPath = "/a"; x = 2; } #> false
---
{ type = throw "looked at"; outPath = "/a"; } == { type = "derivation"; outPath = "/a"; } #! throw
---
{ type = "package"; outPath = "/a"; x = 1; } == { type = throw "looked at"; outPath = "/a"; } #> false
---
{ type = "derivation"; outPath = throw "looked at"; } == { type = "derivation"; outPath = "/a"; } #! throw
---
builtins.elem { type = "derivation"; outPath = "/b"; } [ { type = "derivation"; outPath = "/a"; } { type = "derivation"; outPath = "/" + "b"; x = 1; } ] #> true
---
{ type = "other"; outPath = "/a"; x = 1; } == { type = "other"; outPath = "/a"; x = 2; } #> false
---
1 == throw "looked at" #! throw
---
throw "looked at" == 1 #! throw
---
(1 / 0) == 1 #! division-by-zero
---
0.0 == -0.0 #> true
---
(1.0e300 * 1.0e300) == (1.0e300 * 1.0e300) #> true
---
let nan = 1.0e300 * 1.0e300 - 1.0e300 * 1.0e300; in nan == nan #> false
---
let nan = 1.0e300 * 1.0e300 - 1.0e300 * 1.0e300; in [ nan ] == [ nan ] #> true
---
"a${"b"}" == "ab" #> true
---
[ 1 2 ] != [ 1 2 ] #> false
---
{ } != { a = 1; } #> true
