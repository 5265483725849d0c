[ ] #> [ ]
---
[ 1 "two" null true [ ] { } ] #> [ 1 "two" null true [ ] { } ]
---
[ (1 + 2) ] #> [ 3 ]
---
[ 1 + 2 ] #! unexpected-token
---
[ -1 ] #! unexpected-token
---
[ (-1) ] #> [ -1 ]
---
[ 1 -1 ] #! unexpected-token
---
[ (throw "looked at") ] #! throw
---
builtins.length [ (throw "not looked at") ] #> 1
---
builtins.length [ ] #> 0
---
builtins.length { } #! type-error
---
builtins.head [ 1 2 ] #> 1
---
builtins.head [ ] #! invalid-argument
---
builtins.head [ 1 (throw "not looked at") ] #> 1
---
builtins.tail [ 1 2 3 ] #> [ 2 3 ]
---
builtins.tail [ 1 ] #> [ ]
---
builtins.tail [ ] #! invalid-argument
---
builtins.elemAt [ 10 20 ] 1 #> 20
---
builtins.elemAt [ 10 20 ] 2 #! invalid-argument
---
builtins.elemAt [ 10 20 ] (-1) #! invalid-argument
---
builtins.elemAt { } 0 #! type-error
---
builtins.elemAt [ 1 ] "0" #! type-error
---
builtins.map (x: x * 2) [ 1 2 3 ] #> [ 2 4 6 ]
---
builtins.map (x: x) [ ] #> [ ]
---
builtins.map 1 [ ] #> [ ]
---
builtins.map 1 [ 1 ] #! type-error
---
builtins.map (x: x) 1 #! type-error
---
builtins.length (builtins.map (x: throw "not looked at") [ 1 2 ]) #> 2
---
map (x: x + 1) [ 1 ] #> [ 2 ]
---
builtins.map (a: b: a) [ 1 ] #> [ <LAMBDA> ]
---
builtins.map { __functor = self: x: x + 1; } [ 1 2 ] #> [ 2 3 ]
---
builtins.filter (x: x > 1) [ 1 2 3 ] #> [ 2 3 ]
---
builtins.filter (x: 1) [ 1 ] #! type-error
---
builtins.filter (x: throw "not looked at") [ ] #> [ ]
---
builtins.filter (x: true) [ (throw "looked at") ] #! throw
---
builtins.length (builtins.filter (x: true) [ (throw "not looked at") ]) #> 1
---
builtins.foldl' (a: b: a + b) 0 [ 1 2 3 ] #> 6
---
builtins.foldl' (a: b: a ++ [ b ]) [ ] [ 1 2 ] #> [ 1 2 ]
---
builtins.foldl' (a: b: b) (throw "not looked at") [ 1 ] #> 1
---
builtins.foldl' (a: b: 0) 0 [ (throw "not looked at") ] #> 0
---
builtins.foldl' (a: b: if b == 1 then throw "looked at" else 0) 0 [ 1 2 ] #! throw
---
builtins.foldl' (a: b: a) (throw "looked at") [ ] #! throw
---
builtins.foldl' builtins.add 0 [ 1 2 3 ] #> 6
---
builtins.foldl' 1 0 [ 1 ] #! type-error
---
builtins.foldl' (a: a) 0 [ 1 ] #! not-a-function
---
builtins.foldl' (a: b: a) 5 [ ] #> 5
---
builtins.concatLists [ [ 1 ] [ ] [ 2 3 ] ] #> [ 1 2 3 ]
---
builtins.concatLists [ ] #> [ ]
---
builtins.concatLists [ 1 ] #! type-error
---
builtins.concatLists [ [ (throw "looked at") ] ] #! throw
---
builtins.concatMap (x: [ x x ]) [ 1 2 ] #> [ 1 1 2 2 ]
---
builtins.concatMap (x: x) [ 1 ] #! type-error
---
builtins.concatMap (x: [ ]) [ 1 2 ] #> [ ]
---
builtins.genList (i: i * i) 5 #> [ 0 1 4 9 16 ]
---
builtins.genList (i: i) 0 #> [ ]
---
builtins.genList (i: i) (-1) #! invalid-argument
---
builtins.length (builtins.genList (i: throw "not looked at") 3) #> 3
---
builtins.genList 1 1 #! type-error
---
builtins.elem 2 [ 1 2 ] #> true
---
builtins.elem 2 [ 1 2.0 ] #> true
---
builtins.elem [ 1 ] [ [ 1 ] ] #> true
---
builtins.elem 1 [ 1 (throw "not looked at") ] #> true
---
builtins.elem 3 [ ] #> false
---
builtins.elem 3 [ (throw "looked at") ] #! throw
---
builtins.elem (x: x) [ (x: x) ] #> false
---
builtins.any (x: x > 2) [ 1 2 3 ] #> true
---
builtins.any (x: true) [ ] #> false
---
builtins.any (x: if x == 1 then true else throw "not looked at") [ 1 2 ] #> true
---
builtins.any (x: 1) [ 1 ] #! type-error
---
builtins.all (x: x > 0) [ 1 2 3 ] #> true
---
builtins.all (x: false) [ ] #> true
---
builtins.all (x: if x == 1 then false else throw "not looked at") [ 1 2 ] #> false
---
builtins.sort (a: b: a < b) [ 3 1 2 ] #> [ 1 2 3 ]
---
builtins.sort builtins.lessThan [ "b" "a" "C" ] #> [ "C" "a" "b" ]
---
builtins.sort (a: b: a > b) [ 1 2 3 ] #> [ 3 2 1 ]
---
builtins.sort (a: b: a.k < b.k) [ { k = 1; v = "a"; } { k = 0; v = "b"; } { k = 1; v = "c"; } { k = 0; v = "d"; } ] #> [ { k = 0; v = "b"; } { k = 0; v = "d"; } { k = 1; v = "a"; } { k = 1; v = "c"; } ]
---
builtins.sort (a: b: true) [ 1 2 3 ] #> [ 3 2 1 ]
---
builtins.sort (a: b: false) [ 3 1 2 ] #> [ 3 1 2 ]
---
builtins.sort (a: b: 1) [ 1 2 ] #! type-error
---
builtins.sort (a: b: throw "not looked at") [ 1 ] #> [ 1 ]
---
builtins.sort builtins.lessThan [ ] #> [ ]
---
builtins.sort builtins.lessThan [ 1 "a" ] #! cannot-compare
---
builtins.sort builtins.lessThan [ 3 1.5 2 ] #> [ 1.5 2 3 ]
---
builtins.sort builtins.lessThan [ [ 2 ] [ 1 ] [ 1 0 ] ] #> [ [ 1 ] [ 1 0 ] [ 2 ] ]
---
builtins.partition (x: x > 2) [ 1 2 3 4 ] #> { right = [ 3 4 ]; wrong = [ 1 2 ]; }
---
builtins.partition (x: true) [ ] #> { right = [ ]; wrong = [ ]; }
---
builtins.partition (x: null) [ 1 ] #! type-error
---
builtins.groupBy (x: if x > 1 then "big" else "small") [ 1 2 3 ] #> { big = [ 2 3 ]; small = [ 1 ]; }
---
builtins.groupBy (x: x) [ ] #> { }
---
builtins.groupBy (x: 1) [ 1 ] #! type-error
---
builtins.groupBy (x: "k") [ 1 2 ] #> { k = [ 1 2 ]; }
---
builtins.concatStringsSep ", " [ "a" "b" ] #> "a, b"
---
builtins.concatStringsSep ", " [ ] #> ""
---
builtins.concatStringsSep "" [ "a" ] #> "a"
---
builtins.concatStringsSep "," [ 1 ] #! cannot-coerce
---
builtins.concatStringsSep "," [ { outPath = "x"; } { __toString = s: "y"; } ] #> "x,y"
---
builtins.concatStringsSep 1 [ ] #! type-error
---
builtins.isList [ ] #> true
---
builtins.isList { } #> false
---
builtins.typeOf [ ] #> "list"
---
builtins.genericClosure { startSet = [ { key = 1; } ]; operator = x: if x.key < 4 then [ { key = x.key + 1; } ] else [ ]; } #> [ { key = 1; } { key = 2; } { key = 3; } { key = 4; } ]
---
builtins.genericClosure { startSet = [ { key = 1; v = "a"; } { key = 1; v = "b"; } ]; operator = x: [ ]; } #> [ { key = 1; v = "a"; } ]
---
builtins.genericClosure { startSet = [ ]; operator = throw "not looked at"; } #> [ ]
---
builtins.genericClosure { startSet = [ { } ]; operator = x: [ ]; } #! attribute-missing
---
builtins.genericClosure { startSet = [ { key = 1; } ]; operator = x: [ { key = "a"; } ]; } #! cannot-compare
---
builtins.genericClosure { startSet = [ { key = 1; } ]; } #! attribute-missing
---
builtins.genericClosure { startSet = [ { key = 1; } ]; operator = x: 1; } #! type-error
---
builtins.map (x: x.key) (builtins.genericClosure { startSet = [ { key = "a"; } ]; operator = x: if x.key == "a" then [ { key = "b"; } { key = "c"; } ] else [ { key = "a"; } ]; }) #> [ "a" "b" "c" ]
---
builtins.genericClosure { startSet = [ { key = [ 1 2 ]; } ]; operator = x: [ { key = [ 1 2 ]; } ]; } #> [ { key = [ 1 2 ]; } ]
---
builtins.genericClosure { startSet = [ { key = { }; } { key = { }; } ]; operator = x: [ ]; } #! cannot-compare
