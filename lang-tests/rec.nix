rec { a = 1; b = a + 1; } #> { a = 1; b = 2; }
---
rec { b = a + 1; a = 1; } #> { a = 1; b = 2; }
---
rec { a = b; b = a; } #! infinite-recursion
---
rec { a = b; b = c; c = 3; } #> { a = 3; b = 3; c = 3; }
---
rec { f = n: if n == 0 then 1 else n * f (n - 1); r = f 5; }.r #> 120
---
rec { a.b = 1; c = a.b; } #> { a = { b = 1; }; c = 1; }
---
rec { "a" = 1; b = a; } #> { a = 1; b = 1; }
---
rec { ${"a"} = 1; b = 2; } #> { a = 1; b = 2; }
---
rec { ${"a"} = 1; b = a; } #> { a = 1; b = 1; }
---
let a = 10; in rec { ${"a"} = 1; b = a; } #> { a = 1; b = 1; }
---
let a = 1; in rec { a = 2; b = a; } #> { a = 2; b = 2; }
---
let a = 1; in rec { b = a; } #> { b = 1; }
---
rec { inherit (rec { a = 1; }) a; b = a; } #> { a = 1; b = 1; }
---
let x = 1; in rec { inherit x; y = x; } #> { x = 1; y = 1; }
---
rec { a = 1; } // { a = 2; } #> { a = 2; }
---
(rec { a = 1; b = a; } // { a = 2; }).b #> 1
---
rec { __overrides = { a = 2; }; a = 1; b = a; } #> { __overrides = { a = 2; }; a = 2; b = 2; }
---
rec { __overrides = { c = 3; }; a = 1; b = a; } #> { __overrides = { c = 3; }; a = 1; b = 1; c = 3; }
---
rec { a = rec { b = c; c = 1; }; } #> { a = { b = 1; c = 1; }; }
---
rec { a = { b = x; }; x = 1; } #> { a = { b = 1; }; x = 1; }
---
rec { x = x; } #! infinite-recursion
---
rec { x = 1 + x; } #! infinite-recursion
---
rec { x = { y = x; }; }.x.y.y ? y #> true
---
rec { a = 1; a = 2; } #! attribute-already-defined
---
rec { a = rec { x = 1; }; a.y = 2; } #> { a = { x = 1; y = 2; }; }
---
rec { a.x = 1; a.y = 2; z = a; } #> { a = { x = 1; y = 2; }; z = «repeated»; }
---
{ a = rec { x = 1; y = x; }; }.a.y #> 1
---
rec { } #> { }
