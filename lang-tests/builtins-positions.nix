(import ./files/positions.nix).plain #> { a = [ 11 5 ]; at = [ 17 13 ]; b = [ 11 12 ]; c = [ 12 5 ]; d = [ 13 5 ]; dynamic = [ 15 5 ]; map = [ 16 24 ]; }
---
(import ./files/positions.nix).nested #> [ [ 13 5 ] [ 14 5 ] ]
---
(import ./files/positions.nix).missing #> null
---
(import ./files/positions.nix).updated #> [ [ 11 5 ] [ 26 25 ] ]
---
(import ./files/positions.nix).mapped #> null
---
(import ./files/positions.nix).removed #> [ 11 5 ]
---
(import ./files/positions.nix).intersected #> [ 11 5 ]
---
(import ./files/positions.nix).listed #> [ 35 9 ]
---
(import ./files/positions.nix).zipped #> null
---
(import ./files/positions.nix).grouped #> null
---
(import ./files/positions.nix).formals #> [ 45 9 ]
---
(import ./files/positions.nix).recursive #> [ 52 5 ]
---
(import ./files/positions.nix).here #> [ 54 26 ]
---
(import ./files/positions.nix).there #> [ "column" "file" "line" ]
---
builtins.unsafeGetAttrPos "a" { } #> null
---
builtins.unsafeGetAttrPos 1 { } #! type-error
---
builtins.unsafeGetAttrPos "a" 1 #! type-error
