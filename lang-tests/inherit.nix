let a = 1; in { inherit a; } #> { a = 1; }
---
let a = 1; b = 2; in { inherit a b; } #> { a = 1; b = 2; }
---
{ inherit ({ a = 1; b = 2; }) a b; } #> { a = 1; b = 2; }
---
{ inherit ({ a = 1; }) b; } #! attribute-missing
---
builtins.attrNames { inherit ({ a = 1; }) b; } #> [ "b" ]
---
{ inherit (throw "not looked at") a; b = 1; }.b #> 1
---
{ inherit (throw "looked at") a; }.a #! throw
---
{ inherit; } #> { }
---
{ inherit ({ }); } #> { }
---
{ inherit a; } #! undefined-variable
---
{ inherit (1) a; } #! type-error
---
let a = 1; in { inherit a; inherit a; } #! attribute-already-defined
---
let a = 1; in { inherit a; a = 2; } #! attribute-already-defined
---
let x.a = 1; in { inherit (x) a; b = 2; } #> { a = 1; b = 2; }
---
rec { inherit ({ a = 1; }) a; b = a + 1; } #> { a = 1; b = 2; }
---
let a = 1; in rec { inherit a; b = a; } #> { a = 1; b = 1; }
---
let a = 1; in rec { inherit a; }.a #> 1
---
rec { x = { a = 1; }; inherit (x) a; } #> { a = 1; x = { a = 1; }; }
---
let inherit (rec { a = 1; b = a; }) b; in b #> 1
---
let "a b" = 1; in { inherit "a b"; } #> { "a b" = 1; }
---
{ inherit ({ "a b" = 1; }) "a b"; } #> { "a b" = 1; }
---
{ inherit ${"a"}; } #! undefined-variable
---
let a = 1; in { inherit "a"; } #> { a = 1; }
---
let a = 1; in { inherit ${"a"}; } #> { a = 1; }
---
{ inherit ({ a = 1; }) ${"a"}; } #> { a = 1; }
---
{ inherit (builtins) true; } #> { true = true; }
---
{ inherit true null; } #> { null = null; true = true; }
---
with { a = 1; }; { inherit a; } #> { a = 1; }
---
let s = { inherit (s) a; }; in s ? a #> true
---
let s = { inherit (s) a; }; in s.a #! infinite-recursion
---
let x = { a = 1; }; in { b = 2; inherit (x) a; }.a #> 1
---
let or = 1; in { inherit or; } #> { or = 1; }
