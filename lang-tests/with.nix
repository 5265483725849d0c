with { a = 1; }; a #> 1
---
with { a = 1; }; b #! undefined-variable
---
with { a = 1; }; with { a = 2; }; a #> 2
---
with { a = 1; }; with { b = 2; }; a + b #> 3
---
let a = 1; in with { a = 2; }; a #> 1
---
(a: with { a = 2; }; a) 1 #> 1
---
with { a = 1; }; let a = 2; in a #> 2
---
with { a = 1; }; (a: a) 2 #> 2
---
with 1; 2 #> 2
---
with 1; a #! type-error
---
with throw "not looked at"; 2 #> 2
---
with throw "looked at"; a #! throw
---
with { a = throw "not looked at"; }; 1 #> 1
---
with builtins; length [ 1 2 ] #> 2
---
with { true = 1; }; true #> true
---
with { map = 1; }; map #> <PRIMOP>
---
builtins.typeOf (with { builtins = 1; }; builtins) #> "set"
---
with { inherit (builtins) map; }; map (x: x) [ 1 ] #> [ 1 ]
---
let x = { a = 1; }; in with x; { inherit a; } #> { a = 1; }
---
with { a = 1; }; { inherit a; } #> { a = 1; }
---
with { a = 1; }; rec { b = a; } #> { b = 1; }
---
with { a = 1; }; rec { a = 2; b = a; } #> { a = 2; b = 2; }
---
with { a = { b = 1; }; }; with a; b #> 1
---
let f = { a ? with { b = 1; }; b }: a; in f { } #> 1
---
with { a = 1; }; "${toString a}" #> "1"
---
with { a = 1; }; [ a a ] #> [ 1 1 ]
---
with { f = x: x + 1; }; f 1 #> 2
---
let s = with s; { a = 1; b = a; }; in s.b #> 1
---
with rec { a = b; b = 1; }; a #> 1
---
with { __toString = 1; a = 2; }; a #> 2
---
with (with { x = { y = 1; }; }; x); y #> 1
---
with { a = 1; } // { a = 2; }; a #> 2
---
(x: with x; a) { a = 1; } #> 1
---
(x: with x; with { b = 2; }; a + b) { a = 1; } #> 3
---
with { a = 1; }; a.b or 3 #> 3
---
with { a = { }; }; a ? b #> false
---
with null; 1 #> 1
