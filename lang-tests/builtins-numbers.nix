builtins.ceil 1.2 #> 2
---
builtins.ceil (-1.2) #> -1
---
builtins.ceil 1 #> 1
---
builtins.ceil 1.0e300 #! invalid-argument
---
builtins.ceil "a" #! type-error
---
builtins.floor 1.8 #> 1
---
builtins.floor (-1.8) #> -2
---
builtins.floor 5 #> 5
---
builtins.floor 1.0e300 #! invalid-argument
---
builtins.bitAnd 12 10 #> 8
---
builtins.bitOr 12 10 #> 14
---
builtins.bitXor 12 10 #> 6
---
builtins.bitAnd (-1) 255 #> 255
---
builtins.bitOr (-8) 3 #> -5
---
builtins.bitXor (-1) 0 #> -1
---
builtins.bitAnd 9223372036854775807 4611686018427387904 #> 4611686018427387904
---
builtins.bitXor 9223372036854775807 (-9223372036854775807 - 1) #> -1
---
builtins.bitAnd 1.5 1 #! type-error
---
builtins.bitOr "a" 1 #! type-error
---
builtins.isInt 1 #> true
---
builtins.isInt 1.0 #> false
---
builtins.isFloat 1.0 #> true
---
builtins.isFloat 1 #> false
---
builtins.isBool true #> true
---
builtins.isBool 1 #> false
---
builtins.isNull null #> true
---
builtins.isNull 0 #> false
---
isNull null #> true
---
builtins.typeOf 1 #> "int"
---
builtins.typeOf 1.0 #> "float"
---
builtins.typeOf true #> "bool"
---
builtins.typeOf null #> "null"
---
builtins.sub 5 7 #> -2
---
builtins.mul (-3) 4 #> -12
---
builtins.div (-9) 2 #> -4
---
builtins.langVersion #> 6
---
builtins.nixVersion #> "2.34.8"
---
builtins.true #> true
---
builtins.false #> false
---
builtins.null #> null
---
builtins.add 9223372036854775807 1 #! integer-overflow
---
builtins.sub (-9223372036854775807) 2 #! integer-overflow
---
builtins.mul 4611686018427387904 2 #! integer-overflow
---
builtins.div (-9223372036854775807 - 1) (-1) #! integer-overflow
---
builtins.builtins ? map #> true
---
builtins ? nope #> false
---
builtins.nope #! attribute-missing
---
builtins.isInt (builtins.currentTime) #> true
---
builtins.isString builtins.currentSystem #> true
