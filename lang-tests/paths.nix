/a #> /a
---
/a/b/c #> /a/b/c
---
/a/../b #> /b
---
/a/./b #> /a/b
---
/a//b #! unexpected-token
---
/. #> /
---
/.. #> /
---
/a/.. #> /
---
/a/b/../../.. #> /
---
/a-b_c.d+e #> /a-b_c.d+e
---
builtins.typeOf ./. #> "path"
---
builtins.typeOf ../x #> "path"
---
builtins.typeOf a/b #> "path"
---
builtins.baseNameOf a/b #> "b"
---
./a == ./a #> true
---
./a + "b" == ./ab #> true
---
./a + "/b" == ./a/b #> true
---
/a/${"b"} #> /a/b
---
/a/${"b"}/c #> /a/b/c
---
/a/b${"c"}d #> /a/bcd
---
/a/${"b/c"} #> /a/b/c
---
/a/${"../b"} #> /b
---
let x = "y"; in builtins.baseNameOf ./${x} #> "y"
---
/a/${1} #! cannot-coerce
---
/a/${/b} #> /a/b
---
toString /a #> "/a"
---
toString /a/../b #> "/b"
---
toString ./. == toString ./x/.. #> true
---
"${toString /a}/b" #> "/a/b"
---
baseNameOf /a/b #> "b"
---
baseNameOf "/a/b/" #> "b"
---
baseNameOf "/" #> ""
---
baseNameOf "" #> ""
---
baseNameOf "a" #> "a"
---
baseNameOf "a//b//" #> ""
---
baseNameOf /. #> ""
---
baseNameOf 1 #! cannot-coerce
---
dirOf /a/b #> /a
---
dirOf /a #> /
---
dirOf /. #> /
---
dirOf "/a/b" #> "/a"
---
dirOf "/a/b/" #> "/a/b"
---
dirOf "a" #> "."
---
dirOf "a/b" #> "a"
---
dirOf "/" #> "/"
---
dirOf "" #> "."
---
dirOf 1 #! cannot-coerce
---
builtins.isPath /a #> true
---
builtins.isPath "/a" #> false
---
builtins.typeOf /a #> "path"
---
/a/ #! path-trailing-slash
---
/a/b/  #! path-trailing-slash
---
~/x == ~/x #> true
---
builtins.typeOf ~/x #> "path"
---
builtins.pathExists ./files #> true
---
builtins.pathExists ./files/hello.txt #> true
---
builtins.pathExists ./files/missing #> false
---
builtins.pathExists "/nowhere/at/all" #> false
---
builtins.pathExists 1 #! cannot-coerce
---
builtins.pathExists "relative" #! invalid-argument
---
builtins.readFile ./files/hello.txt #> "Hello, world!\n"
---
builtins.readFile ./files/missing #! io
---
builtins.readFile ./files #! io
---
builtins.readFile "relative" #! invalid-argument
---
builtins.readDir ./files/tree #> { dir = "directory"; file = "regular"; link = "symlink"; }
---
builtins.readDir ./files/missing #! io
---
builtins.readDir ./files/hello.txt #! io
---
builtins.readFileType ./files/hello.txt #> "regular"
---
builtins.readFileType ./files/tree #> "directory"
---
builtins.readFileType ./files/tree/link #> "symlink"
---
builtins.readFileType ./files/missing #! file-not-found
---
import ./files/add.nix 1 2 #> 3
---
import ./files #> { this = "files/default.nix"; }
---
import ./files/scoped.nix #! undefined-variable
---
import ./files/missing.nix #! file-not-found
---
import "relative" #! invalid-argument
---
import ./files/syntax-error.nix #! unexpected-token
---
builtins.scopedImport { x = 42; } ./files/scoped.nix #> 42
---
builtins.scopedImport { } ./files/add.nix 1 2 #> 3
---
builtins.scopedImport { builtins = { add = a: b: "mine"; }; } ./files/add.nix 1 2 #> "mine"
---
builtins.hashFile "sha256" ./files/hello.txt #> "d9014c4624844aa5bac314773d6b689ad467fa4e1d1a50a1b8a99d5a95f72ff5"
---
builtins.hashFile "md5" ./files/missing #! io
---
builtins.hashFile "nope" ./files/hello.txt #! invalid-argument
---
builtins.toPath "/a/../b" #> "/b"
---
builtins.toPath "a" #! invalid-argument
---
builtins.toPath /a #> "/a"
---
<files/hello.txt> == ./files/hello.txt #> true
---
<found.nix> == ./files/search/found.nix #> true
---
<missing> #! search-path-missing
---
<files/missing> #! search-path-missing
---
(builtins.tryEval <missing>).success #> false
---
builtins.length builtins.nixPath #> 2
---
builtins.map (entry: entry.prefix) builtins.nixPath #> [ "files" "" ]
---
builtins.findFile [ { prefix = "p"; path = "/"; } ] "p" #> /
---
builtins.findFile [ { prefix = ""; path = ./files; } ] "hello.txt" == ./files/hello.txt #> true
---
builtins.findFile [ { prefix = "p"; path = ./files; } ] "p/hello.txt" == ./files/hello.txt #> true
---
builtins.findFile [ ] "x" #! search-path-missing
---
builtins.findFile [ { path = ./files; } ] "missing" #! search-path-missing
---
builtins.findFile [ { prefix = "p"; } ] "p" #! attribute-missing
---
builtins.storeDir #> "/nix/store"
