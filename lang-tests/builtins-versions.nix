builtins.compareVersions "1.0" "1.1" #> -1
---
builtins.compareVersions "1.1" "1.0" #> 1
---
builtins.compareVersions "1.0" "1.0" #> 0
---
builtins.compareVersions "1.0" "1.0.1" #> -1
---
builtins.compareVersions "2.3pre1" "2.3" #> -1
---
builtins.compareVersions "2.3" "2.3pre1" #> 1
---
builtins.compareVersions "2.3a" "2.3c" #> -1
---
builtins.compareVersions "2.3.1" "2.3a" #> 1
---
builtins.compareVersions "2.3pre1" "2.3c" #> -1
---
builtins.compareVersions "2.3pre1" "2.3q" #> -1
---
builtins.compareVersions "10" "9" #> 1
---
builtins.compareVersions "" "" #> 0
---
builtins.compareVersions "" "1" #> -1
---
builtins.compareVersions "1" "a" #> 1
---
builtins.compareVersions "1-2" "1.2" #> 0
---
builtins.compareVersions 1 "1" #! type-error
---
builtins.compareVersions "99999999999999999999" "1" #> -1
---
builtins.splitVersion "1.2.3pre4-5" #> [ "1" "2" "3" "pre" "4" "5" ]
---
builtins.splitVersion "" #> [ ]
---
builtins.splitVersion "a.b" #> [ "a" "b" ]
---
builtins.splitVersion "..1" #> [ "1" ]
---
builtins.splitVersion "2.3.a1b" #> [ "2" "3" "a" "1" "b" ]
---
builtins.parseDrvName "nix-0.12pre12876" #> { name = "nix"; version = "0.12pre12876"; }
---
builtins.parseDrvName "hello" #> { name = "hello"; version = ""; }
---
builtins.parseDrvName "a-b-1.0" #> { name = "a-b"; version = "1.0"; }
---
builtins.parseDrvName "a-1-b" #> { name = "a"; version = "1-b"; }
---
builtins.parseDrvName "" #> { name = ""; version = ""; }
---
builtins.parseDrvName "-1" #> { name = ""; version = "1"; }
---
builtins.parseDrvName "x-" #> { name = "x-"; version = ""; }
---
builtins.parseDrvName 1 #! type-error
