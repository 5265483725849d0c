1 < 2 #> true
---
2 < 1 #> false
---
1 < 1 #> false
---
1 <= 1 #> true
---
2 > 1 #> true
---
1 >= 2 #> false
---
1 < 1.5 #> true
---
1.5 < 1 #> false
---
1.5 >= 1.5 #> true
---
"a" < "b" #> true
---
"b" < "a" #> false
---
"a" < "aa" #> true
---
"" < "a" #> true
---
"Z" < "a" #> true
---
"a" <= "a" #> true
---
"é" < "z" #> false
---
"é" > "z" #> true
---
"10" < "9" #> true
---
[ 1 2 ] < [ 1 3 ] #> true
---
[ 1 2 ] < [ 1 2 3 ] #> true
---
[ 1 2 3 ] < [ 1 2 ] #> false
---
[ ] < [ 1 ] #> true
---
[ ] < [ ] #> false
---
[ 1 ] <= [ 1 ] #> true
---
[ "a" 1 ] < [ "a" 2 ] #> true
---
[ [ 1 ] 2 ] < [ [ 1 ] 3 ] #> true
---
[ 1 (throw "not looked at") ] < [ 2 0 ] #> true
---
[ 1 "a" ] < [ 1 2 ] #! cannot-compare
---
[ null ] < [ null ] #> false
---
[ { } ] < [ { } ] #> false
---
[ true ] < [ true true ] #> true
---
/a < /b #> true
---
/a/b < /a #> false
---
/a < /a/b #> true
---
/b < /a #> false
---
null < null #! cannot-compare
---
true < false #! cannot-compare
---
{ } < { } #! cannot-compare
---
(x: x) < (x: x) #! cannot-compare
---
1 < "a" #! cannot-compare
---
"a" < 1 #! cannot-compare
---
/a < "a" #! cannot-compare
---
1 < null #! cannot-compare
---
1 < 2 == true #> true
---
1 < 2 < 3 #! unexpected-token
---
1 == 1 == true #! unexpected-token
---
9223372036854775807 < 9223372036854775807 #> false
---
9223372036854775806 < 9223372036854775807 #> true
---
9223372036854775807 < 9223372036854775807.0 #> false
---
9007199254740993 < 9007199254740992.0 #> false
---
9007199254740993 > 9007199254740992 #> true
---
builtins.lessThan 1 2 #> true
---
builtins.lessThan "b" "a" #> false
---
builtins.lessThan 1 1.5 #> true
---
builtins.lessThan [ 1 ] [ 2 ] #> true
---
builtins.lessThan { } { } #! cannot-compare
