let in 1 #> 1
---
let a = 1; in a #> 1
---
let a = 1; b = a + 1; in b #> 2
---
let b = a; a = 1; in b #> 1
---
let a = 1; in let a = 2; in a #> 2
---
let a = 1; in let b = a; a = 2; in b #> 2
---
let a = a; in a #! infinite-recursion
---
let a = b; b = a; in a #! infinite-recursion
---
let a = throw "not looked at"; in 1 #> 1
---
let f = x: if x == 0 then 0 else f (x - 1); in f 100 #> 0
---
let even = n: n == 0 || odd (n - 1); odd = n: n != 0 && even (n - 1); in even 10 #> true
---
let a.b = 1; a.c = 2; in a #> { b = 1; c = 2; }
---
let inherit (builtins) length; in length [ 1 ] #> 1
---
let x = 1; in let inherit x; in x #> 1
---
let inherit ({ a = 1; b = 2; }) a b; in a + b #> 3
---
let a = 1; a = 2; in a #! attribute-already-defined
---
let ${"a"} = 1; in 1 #> 1
---
let "a" = 1; in a #> 1
---
let "a b" = 1; in 1 #> 1
---
let a = 1; in { inherit a; } #> { a = 1; }
---
let { x = 1; body = x + 1; } #> 2
---
let { body = 1; } #> 1
---
let { x = 1; } #! attribute-missing
---
let a = 1; b = 2; in a b #! not-a-function
---
let in { } #> { }
---
let x = 5; f = y: x + y; x' = x; in f x' #> 10
---
let a = 1; in b #! undefined-variable
---
let a = 1 in a #! unexpected-token
---
let or = 1; in or #! unexpected-token
---
let x = { y = 1; }; in x.y #> 1
---
let x = 1; y = x; z = y; in let x = 2; in [ x y z ] #> [ 2 1 1 ]
---
let xs = [ 1 ] ++ map (x: x + 1) [ 1 ]; in xs #> [ 1 2 ]
---
let fix = f: let x = f x; in x; in (fix (self: { a = 1; b = self.a + 1; })).b #> 2
