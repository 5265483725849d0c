let x = throw "not looked at"; in 1 #> 1
---
[ (throw "not looked at") 1 ] ++ [ ] == [ ] #> false
---
builtins.elemAt [ (throw "not looked at") 1 ] 1 #> 1
---
(x: y: y) (throw "not looked at") 1 #> 1
---
{ a = throw "not looked at"; b = 1; }.b #> 1
---
if true || throw "not looked at" then 1 else throw "not looked at" #> 1
---
let xs = builtins.genList (i: if i == 3 then throw "not looked at" else i) 5; in builtins.elemAt xs 4 #> 4
---
let x = builtins.trace "evaluated once" 1; in x + x #> 2
---
let fibs = n: if n < 2 then n else fibs (n - 1) + fibs (n - 2); in fibs 15 #> 610
---
let ones = { head = 1; tail = ones; }; in ones.tail.tail.tail.head #> 1
---
let nat = n: { head = n; tail = nat (n + 1); }; take = n: s: if n == 0 then [ ] else [ s.head ] ++ take (n - 1) s.tail; in take 5 (nat 0) #> [ 0 1 2 3 4 ]
---
let primes = builtins.filter (n: builtins.all (d: n - (n / d) * d != 0) (builtins.genList (i: i + 2) (n - 2))) (builtins.genList (i: i + 2) 20); in primes #> [ 2 3 5 7 11 13 17 19 ]
---
let a = { b = a.c; c = 1; }; in a.b #> 1
---
let a = { b = a.b; }; in a ? b #> true
---
let a = { b = a.b; }; in a.b #! infinite-recursion
---
let x = x; in x #! infinite-recursion
---
let x = { y = x.y + 1; }; in x.y #! infinite-recursion
---
let f = x: f x; in builtins.isFunction f #> true
---
let a = b + 1; b = c + 1; c = a; in a #! infinite-recursion
---
let x = [ x ]; in builtins.length x #> 1
---
builtins.seq 1 2 #> 2
---
builtins.seq (throw "looked at") 2 #! throw
---
builtins.seq [ (throw "not looked at") ] 2 #> 2
---
builtins.seq { a = throw "not looked at"; } 2 #> 2
---
builtins.deepSeq [ 1 { a = 2; } ] 3 #> 3
---
builtins.deepSeq [ (throw "looked at") ] 2 #! throw
---
builtins.deepSeq { a.b = throw "looked at"; } 2 #! throw
---
let x = { y = x; }; in builtins.deepSeq x 1 #> 1
---
builtins.deepSeq (x: throw "not looked at") 1 #> 1
---
builtins.seq (x: throw "not looked at") 1 #> 1
---
let t = builtins.tryEval (throw "caught"); in t.success #> false
---
let a = builtins.throw "looked at"; b = builtins.tryEval a; in b.success || a #! throw
---
let x = throw "looked at"; in (builtins.tryEval x).success || (builtins.tryEval x).success #> false
---
let x = throw "looked at"; in if (builtins.tryEval x).success then 1 else x #! throw
---
let
  s = {
    a = s.b; #! infinite-recursion
    b = s.c;
    c = s.a;
  };
in
s.a
