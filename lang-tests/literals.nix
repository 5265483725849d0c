0 #> 0
---
00 #> 0
---
007 #> 7
---
1_000 #! undefined-variable
---
0x10 #! undefined-variable
---
true #> true
---
false #> false
---
null #> null
---
True #! undefined-variable
---
[ true false null ] #> [ true false null ]
---
(1) #> 1
---
((1)) #> 1
---
( ) #! unexpected-token
---
() #! unexpected-token
---
1. #> 1
---
1.5.5 #! not-a-function
---
1 .5 #! not-a-function
---
[ 1.5 .5 ] #> [ 1.5 0.5 ]
---
[ 1 .5 ] #> [ 1 0.5 ]
---
a.b #! undefined-variable
---
__nixPath == builtins.nixPath #> true
---
__langVersion #> 6
---
__add 1 2 #> 3
---
__length [ 1 ] #> 1
---
baseNameOf "/a" #> "a"
---
abort #> <PRIMOP>
---
derivation ? x #> false
---
import #> <PRIMOP>
---
let true = 1; in true #> 1
---
let null = 1; in null #> 1
---
let __add = a: b: "mine"; in 1 + 2 #> 3
---
let __sub = a: b: "mine"; in 5 - 3 #> "mine"
---
let __lessThan = a: b: "mine"; in 1 < 2 #> "mine"
---
let __mul = a: b: "mine"; in 2 * 3 #> "mine"
---
let __div = a: b: "mine"; in 4 / 2 #> "mine"
---
let __sub = a: b: "mine"; in -5 #> "mine"
---
let __findFile = a: b: "mine"; in <files> #> "mine"
---
let __nixPath = [ ]; in (builtins.tryEval <files>).success #> false
---
let builtins = 1; in builtins #> 1
---
let map = 1; in map #> 1
---
rec #! unexpected-token
---
if #! unexpected-token
---
let #! unexpected-token
---
in #! unexpected-token
---
then #! unexpected-token
---
with #! unexpected-token
---
assert #! unexpected-token
---
inherit #! unexpected-token
---
or #! unexpected-token
---
... #! unexpected-token
---
@ #! unexpected-token
---
$ #! unexpected-token
---
% #! unexpected-token
---
^ #! unexpected-token
---
` #! unexpected-token
---
~ #! unexpected-token
---
\ #! unexpected-token
---
; #! unexpected-token
---
} #! unexpected-token
---
] #! unexpected-token
---
) #! unexpected-token
---
, #! unexpected-token
---
? #! unexpected-token
---
. #! unexpected-token
---
: #! unexpected-token
---
= #! unexpected-token
---
{ a = 1; #! unexpected-token
---
[ 1 #! unexpected-token
---
(1 #! unexpected-token
---
{ a.b = 1; }. #! unexpected-token
---
{ a = 1; }.b or #! unexpected-token
---
1 + #! unexpected-token
---
x: #! unexpected-token
---
{ x }: #! unexpected-token
---
{ x, } #! unexpected-token
---
{ x ? }: x #! unexpected-token
---
let a = 1; #! unexpected-token
---
let a = 1; in #! unexpected-token
---
if true then 1 #! unexpected-token
---
if true then 1 else #! unexpected-token
---
with { }; #! unexpected-token
---
assert true; #! unexpected-token
---
1 2 3 + #! unexpected-token
---
! #! unexpected-token
---
- #! unexpected-token
---
"a" or "b" #! undefined-variable
---
(x: x) or 1 #! undefined-variable
---
[ (x: x) or 1 ] #! undefined-variable
---
1 or 2 #! undefined-variable
---
let or = 1; in [ (x: x) or ] #> [ 1 ]
---
<nix #! unexpected-token
---
< nix > #! unexpected-token
---
<a/b> #! search-path-missing
---
./ #! unexpected-token
---
./a b #! undefined-variable
---
/ #! unexpected-token
---
// #! unexpected-token
---
a//b #! undefined-variable
---
./${"a" #! unexpected-token
---
${"a"} #! unexpected-token
---
"${" #! unexpected-token
---
''${'' #! unexpected-token
---
{
  a = 1;
  b = ; #! unexpected-token
  c = 2;
}
---
let
  a = 1
  b = 2; #! unexpected-token
in
a
