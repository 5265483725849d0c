{ ${"a"} = 1; } #> { a = 1; }
---
{ ${"a" + "b"} = 1; } #> { ab = 1; }
---
{ "${"a"}b" = 1; } #> { ab = 1; }
---
{ "a${"b"}" = 1; } #> { ab = 1; }
---
let n = "x"; in { ${n} = 1; y = 2; } #> { x = 1; y = 2; }
---
let n = "x"; in { ${n}.y = 1; } #> { x = { y = 1; }; }
---
let n = "x"; in { a.${n} = 1; a.b = 2; } #> { a = { b = 2; x = 1; }; }
---
let n = "x"; in { a.${n}.b = 1; } #> { a = { x = { b = 1; }; }; }
---
{ ${null} = 1; } #> { }
---
{ ${null} = throw "not looked at"; a = 1; } #> { a = 1; }
---
{ ${1} = 1; } #! type-error
---
{ ${[ ]} = 1; } #! type-error
---
{ ${{ }} = 1; } #! type-error
---
{ ${{ outPath = "a"; }} = 1; } #! type-error
---
{ ${/a} = 1; } #! type-error
---
{ a = 1; ${"a"} = 2; } #! attribute-already-defined
---
{ ${"a"} = 1; ${"a"} = 2; } #! attribute-already-defined
---
{ ${"a"} = 1; ${"b"} = 2; } #> { a = 1; b = 2; }
---
let n = "a"; in { ${n} = 1; ${n + "b"} = 2; } #> { a = 1; ab = 2; }
---
let n = "a"; in { ${n} = 1; a = 2; } #! attribute-defined-twice
---
let n = "a"; in { ${n} = 1; }.a #> 1
---
let n = "a"; in { a = 1; }.${n} #> 1
---
let n = "b"; in { a = 1; }.${n} #! attribute-missing
---
let n = "b"; in { a = 1; }.${n} or 2 #> 2
---
{ a = 1; }.${1} #! type-error
---
{ a = 1; }."a" #> 1
---
{ ab = 1; }."a${"b"}" #> 1
---
{ a.b = 1; }.a.${"b"} #> 1
---
{ a = 1; }.${"a"}.b or 3 #> 3
---
{ "a.b" = 1; }."a.b" #> 1
---
rec { ${"a"} = 1; b = 1; }.a #> 1
---
{ ${throw "looked at"} = 1; } #! throw
---
({ ${"a"} = throw "not looked at"; b = 1; }).b #> 1
---
{ ${if true then "a" else null} = 1; ${if false then "b" else null} = 2; } #> { a = 1; }
---
builtins.attrNames { ${"b"} = 1; a = 2; ${"c"} = 3; } #> [ "a" "b" "c" ]
---
{ a.${"b"} = 1; a.${"c"} = 2; } #> { a = { b = 1; c = 2; }; }
---
let k = "k"; in { ${k} = { x = 1; }; }.k.x #> 1
---
{ "${"a"}".b = 1; "${"a"}".c = 2; } #! attribute-defined-twice
---
{ a = { }; a.${"b"} = 1; } #> { a = { b = 1; }; }
