{ } #> { }
---
{ a = 1; } #> { a = 1; }
---
{ b = 1; a = 2; } #> { a = 2; b = 1; }
---
{ a.b.c = 1; } #> { a = { b = { c = 1; }; }; }
---
{ a.b = 1; a.c = 2; } #> { a = { b = 1; c = 2; }; }
---
{ a = { b = 1; }; a.c = 2; } #> { a = { b = 1; c = 2; }; }
---
{ a.b = 1; a = { c = 2; }; } #> { a = { b = 1; c = 2; }; }
---
{ a = { b = 1; }; a = { c = 2; }; } #> { a = { b = 1; c = 2; }; }
---
{ a = 1; a = 2; } #! attribute-already-defined
---
{ a.b = 1; a.b = 2; } #! attribute-already-defined
---
{ a = 1; a.b = 2; } #! attribute-already-defined
---
{ a.b = 1; a = 2; } #! attribute-already-defined
---
{ a = { b = 1; }; a = { b = 2; }; } #! attribute-already-defined
---
{ a = rec { x = 1; }; a.y = 2; } #> { a = { x = 1; y = 2; }; }
---
{ "a" = 1; } #> { a = 1; }
---
{ "a b" = 1; "1" = 2; "" = 3; } #> { "" = 3; "1" = 2; "a b" = 1; }
---
{ "a" = 1; a = 2; } #! attribute-already-defined
---
{ "if" = 1; then' = 2; "or" = 3; } #> { "if" = 1; or = 3; then' = 2; }
---
{ or = 1; } #> { or = 1; }
---
{ or = 1; }.or #> 1
---
{ a-b = 1; a_b = 2; a' = 3; _ = 4; } #> { _ = 4; a' = 3; a-b = 1; a_b = 2; }
---
{ a = 1; }.a #> 1
---
{ "a b" = 1; }."a b" #> 1
---
{ a = throw "not looked at"; b = 1; }.b #> 1
---
{ a = throw "looked at"; } #! throw
---
{ A = 1; a = 2; B = 3; b = 4; "10" = 5; "9" = 6; é = 7; } #! unexpected-token
---
{ "é" = 7; z = 1; } #> { z = 1; "é" = 7; }
---
{ if = 1; } #! unexpected-token
---
{ 1 = 2; } #! unexpected-token
---
{ a = 1 } #! unexpected-token
---
{ a: 1 } #! unexpected-token
---
{ a = 1; b = { c = 2; d = { e = 3; }; }; }.b.d.e #> 3
---
builtins.attrNames { b = 1; a = 2; C = 3; } #> [ "C" "a" "b" ]
---
builtins.attrNames { } #> [ ]
---
builtins.attrNames [ ] #! type-error
---
builtins.attrNames { x = throw "not looked at"; } #> [ "x" ]
---
builtins.attrValues { b = 1; a = 2; } #> [ 2 1 ]
---
builtins.attrValues { } #> [ ]
---
builtins.attrValues 1 #! type-error
---
builtins.hasAttr "a" { a = 1; } #> true
---
builtins.hasAttr "b" { a = 1; } #> false
---
builtins.hasAttr 1 { } #! type-error
---
builtins.hasAttr "a" 1 #! type-error
---
builtins.getAttr "a" { a = 1; } #> 1
---
builtins.getAttr "b" { a = 1; } #! attribute-missing
---
builtins.getAttr "" { "" = 1; } #> 1
---
removeAttrs { a = 1; b = 2; c = 3; } [ "a" "c" ] #> { b = 2; }
---
removeAttrs { a = 1; } [ "b" ] #> { a = 1; }
---
removeAttrs { a = 1; } [ 1 ] #! type-error
---
removeAttrs { a = 1; } [ ] #> { a = 1; }
---
removeAttrs { a = throw "not looked at"; } [ "a" ] #> { }
---
builtins.listToAttrs [ { name = "a"; value = 1; } { name = "b"; value = 2; } ] #> { a = 1; b = 2; }
---
builtins.listToAttrs [ { name = "a"; value = 1; } { name = "a"; value = 2; } ] #> { a = 1; }
---
builtins.listToAttrs [ ] #> { }
---
builtins.listToAttrs [ { name = "a"; } ] #! attribute-missing
---
builtins.listToAttrs [ { value = 1; } ] #! attribute-missing
---
builtins.listToAttrs [ { name = 1; value = 1; } ] #! type-error
---
builtins.listToAttrs [ 1 ] #! type-error
---
builtins.attrNames (builtins.listToAttrs [ { name = "a"; value = throw "not looked at"; } ]) #> [ "a" ]
---
builtins.intersectAttrs { a = 1; b = 2; } { b = 3; c = 4; } #> { b = 3; }
---
builtins.intersectAttrs { } { a = 1; } #> { }
---
builtins.intersectAttrs { a = throw "not looked at"; } { a = 1; } #> { a = 1; }
---
builtins.intersectAttrs 1 { } #! type-error
---
builtins.catAttrs "a" [ { a = 1; } { b = 2; } { a = 3; } ] #> [ 1 3 ]
---
builtins.catAttrs "a" [ ] #> [ ]
---
builtins.catAttrs "a" [ 1 ] #! type-error
---
builtins.mapAttrs (name: value: name + toString value) { a = 1; b = 2; } #> { a = "a1"; b = "b2"; }
---
builtins.mapAttrs (name: value: throw "not looked at") { } #> { }
---
builtins.attrNames (builtins.mapAttrs (name: value: throw "not looked at") { a = 1; }) #> [ "a" ]
---
builtins.mapAttrs (name: value: value) 1 #! type-error
---
builtins.mapAttrs 1 { a = 1; } #! not-a-function
---
builtins.zipAttrsWith (name: values: values) [ { a = 1; } { a = 2; b = 3; } ] #> { a = [ 1 2 ]; b = [ 3 ]; }
---
builtins.zipAttrsWith (name: values: name) [ { a = 1; } ] #> { a = "a"; }
---
builtins.zipAttrsWith (name: values: values) [ ] #> { }
---
builtins.zipAttrsWith (name: values: values) [ 1 ] #! type-error
---
builtins.attrNames (builtins.zipAttrsWith (name: values: throw "not looked at") [ { a = 1; } { b = 2; } ]) #> [ "a" "b" ]
---
builtins.isAttrs { } #> true
---
builtins.isAttrs [ ] #> false
---
builtins.typeOf { } #> "set"
---
{ __functor = self: x: self.n + x; n = 1; } 2 #> 3
---
{ __functor = self: self.f; f = x: x * 2; } 4 #> 8
---
{ __functor = 1; } 2 #! not-a-function
---
{ __functor = self: 1; } 2 #! not-a-function
---
{ } 1 #! not-a-function
---
builtins.isFunction { __functor = self: x: x; } #> false
---
{ __toString = self: "shown"; a = 1; } #> { __toString = <LAMBDA>; a = 1; }
---
toString { __toString = self: "shown"; } #> "shown"
---
{ outPath = "/out"; a = 1; } #> { a = 1; outPath = "/out"; }
---
toString { outPath = "/out"; } #> "/out"
---
{ type = "derivation"; } #> { type = "derivation"; }
---
{ type = "derivation"; name = "n"; drvPath = "/nix/store/x.drv"; } #> { drvPath = "/nix/store/x.drv"; name = "n"; type = "derivation"; }
---
{ recurseForDerivations = true; } #> { recurseForDerivations = true; }
---
let s = { a = 1; inherit (s) b; b = 2; }; in s #! attribute-already-defined
---
let x = { inherit x; }; in x.x.x ? x #> true
---
let x = { a = x; }; in x #> { a = «repeated»; }
---
let x = [ x ]; in x #> [ [ «repeated» ] ]
---
let e = { }; in [ e e ] #> [ { } { } ]
---
let s = { a = 1; }; in [ s s ] #> [ { a = 1; } «repeated» ]
---
let l = [ 1 ]; in { a = l; b = l; } #> { a = [ 1 ]; b = «repeated»; }
---
let l = [ ]; in [ l l ] #> [ [ ] [ ] ]
---
let s = { a = 1; }; in { x = s; y = { z = s; }; } #> { x = { a = 1; }; y = { z = «repeated»; }; }
