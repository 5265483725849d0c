({ a }: a) { a = 1; } #> 1
---
({ a, b }: a + b) { a = 1; b = 2; } #> 3
---
({ a, b ? 2 }: a + b) { a = 1; } #> 3
---
({ a, b ? a }: b) { a = 1; } #> 1
---
({ a ? b, b ? 1 }: a) { } #> 1
---
({ a ? b, b ? a }: a) { } #! infinite-recursion
---
({ a }: a) { } #! missing-argument
---
({ a }: a) { a = 1; b = 2; } #! unexpected-argument
---
({ a, ... }: a) { a = 1; b = 2; } #> 1
---
({ ... }: 1) { a = 1; } #> 1
---
({ }: 1) { } #> 1
---
({ }: 1) { a = 1; } #! unexpected-argument
---
({ a }: a) 1 #! type-error
---
({ a }: a) [ ] #! type-error
---
({ a }@args: args) { a = 1; } #> { a = 1; }
---
(args@{ a }: args.a) { a = 1; } #> 1
---
(args@{ a, ... }: args) { a = 1; b = 2; } #> { a = 1; b = 2; }
---
(args@{ a ? 1, ... }: args) { b = 2; } #> { b = 2; }
---
({ a ? 1 }@args: args) { } #> { }
---
({ a ? args.b, b }@args: a) { b = 2; } #> 2
---
({ a ? throw "not looked at" }: 1) { } #> 1
---
({ a ? throw "not looked at" }: a) { a = 1; } #> 1
---
({ a ? throw "looked at" }: a) { } #! throw
---
({ a }: 1) { a = throw "not looked at"; } #> 1
---
({ a, a }: a) { a = 1; } #! duplicate-formal
---
(a@{ a }: a) { a = 1; } #! duplicate-formal
---
({ a, }: a) { a = 1; } #> 1
---
({ a, ..., }: a) { a = 1; } #! unexpected-token
---
({ a, ... , b}: a) { a = 1; } #! unexpected-token
---
({ a ? 1, b ? a + 1, c ? a + b }: [ a b c ]) { } #> [ 1 2 3 ]
---
({ a ? 1, b ? a + 1 }: [ a b ]) { a = 10; } #> [ 10 11 ]
---
let a = 100; in ({ a ? 1, b ? a }: b) { } #> 1
---
let f = { x, y ? x * 2, ... }@all: all // { inherit y; }; in f { x = 1; z = 3; } #> { x = 1; y = 2; z = 3; }
---
({ x }: { y }: x + y) { x = 1; } { y = 2; } #> 3
---
({ f }: f) { f = x: x; } #> <LAMBDA>
---
{ a, b ? 1, ... }: a #> <LAMBDA>
---
{ a }@b: a #> <LAMBDA>
---
({ or ? 1 }: or) { } #! unexpected-token
---
({ a ? { b = 1; } }: a.b) { } #> 1
---
({ a ? [ 1 2 ] }: a) { } #> [ 1 2 ]
---
({ a ? (x: x) }: a 1) { } #> 1
---
({ name ? "x", version }: "${name}-${version}") { version = "1"; } #> "x-1"
---
let
  f =
    { #! missing-argument
      a,
      b ? "x",
    }:
    a + b;
in
f { b = "c"; }
---
let
  f = { a }: a; #! unexpected-argument
in
f {
  a = 1;
  c = 2;
}
