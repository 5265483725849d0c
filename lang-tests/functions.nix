(x: x) 1 #> 1
---
(x: y: x + y) 1 2 #> 3
---
(x: y: x) 1 (throw "not looked at") #> 1
---
(x: 1) (throw "not looked at") #> 1
---
(_: 1) 2 #> 1
---
((x: y: x + y) 1) 2 #> 3
---
x: x #> <LAMBDA>
---
x: y: x #> <LAMBDA>
---
1 2 #! not-a-function
---
"f" 1 #! not-a-function
---
null 1 #! not-a-function
---
(x: x) (x: x) 1 #> 1
---
let f = x: y: z: [ x y z ]; in f 1 2 3 #> [ 1 2 3 ]
---
let f = x: y: z: [ x y z ]; g = f 1; in [ (g 2 3) (g 4 5) ] #> [ [ 1 2 3 ] [ 1 4 5 ] ]
---
let f = x: { y ? x }: y; in f 1 { } #> 1
---
let compose = f: g: x: f (g x); in compose (x: x + 1) (x: x * 2) 5 #> 11
---
let apply = f: f; in apply (x: x) 3 #> 3
---
let y = f: (x: f (x x)) (x: f (x x)); in y (self: n: if n == 0 then 1 else n * self (n - 1)) 5 #> 120
---
let x = 1; f = y: x + y; in let x = 100; in f 1 #> 2
---
let curry = a: b: c: d: e: a + b + c + d + e; in curry 1 2 3 4 5 #> 15
---
map (f: f 2) [ (x: x + 1) (x: x * x) ] #> [ 3 4 ]
---
(x: x x) (x: 1) #> 1
---
builtins.isFunction (x: x) #> true
---
builtins.isFunction builtins.map #> true
---
builtins.isFunction 1 #> false
---
builtins.typeOf (x: x) #> "lambda"
---
builtins.typeOf builtins.map #> "lambda"
---
builtins.typeOf (builtins.map (x: x)) #> "lambda"
---
builtins.map #> <PRIMOP>
---
builtins.map (x: x) #> <PRIMOP-APP>
---
builtins.add 1 #> <PRIMOP-APP>
---
(builtins.add 1) 2 #> 3
---
builtins.foldl' builtins.add #> <PRIMOP-APP>
---
[ (x: x) { f = { a }: a; } builtins.length (builtins.elemAt [ 1 ]) ] #> [ <LAMBDA> { f = <LAMBDA>; } <PRIMOP> <PRIMOP-APP> ]
---
builtins.functionArgs (x: x) #> { }
---
builtins.functionArgs ({ a, b ? 1 }: a) #> { a = false; b = true; }
---
builtins.functionArgs ({ ... }: 1) #> { }
---
builtins.functionArgs ({ }: 1) #> { }
---
builtins.functionArgs builtins.map #> { }
---
builtins.functionArgs { __functor = self: { x }: x; } #! invalid-argument
---
builtins.functionArgs 1 #! invalid-argument
---
let f = n: if n == 0 then "done" else f (n - 1); in f 5000 #> "done"
---
let f = n: acc: if n == 0 then acc else f (n - 1) (acc + n); in f 5000 0 #> 12502500
---
(x: y: x - y) 5 3 #> 2
---
x:1 #> "x:1"
---
(x: /* comment */ x # line
) 1 #> 1
---
(x : x) 1 #> 1
---
(a: { b, ... }@c: a + b + c.d) 1 { b = 2; d = 3; } #> 6
