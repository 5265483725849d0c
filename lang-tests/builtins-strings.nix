builtins.replaceStrings [ "a" "b" ] [ "1" "2" ] "abc" #> "12c"
---
builtins.replaceStrings [ "ab" "a" ] [ "X" "Y" ] "abaa" #> "XYY"
---
builtins.replaceStrings [ "a" "ab" ] [ "X" "Y" ] "abaa" #> "XbXX"
---
builtins.replaceStrings [ "" ] [ "-" ] "abc" #> "-a-b-c-"
---
builtins.replaceStrings [ "" "a" ] [ "-" "X" ] "abc" #> "-a-b-c-"
---
builtins.replaceStrings [ "a" "" ] [ "X" "-" ] "abc" #> "X-b-c-"
---
builtins.replaceStrings [ ] [ ] "abc" #> "abc"
---
builtins.replaceStrings [ "a" ] [ ] "abc" #! invalid-argument
---
builtins.replaceStrings [ "a" ] [ 1 ] "abc" #! type-error
---
builtins.replaceStrings [ "x" ] [ (throw "not looked at") ] "abc" #> "abc"
---
builtins.replaceStrings [ "a" ] [ "b" ] "" #> ""
---
builtins.replaceStrings [ "" ] [ "x" ] "" #> "x"
---
builtins.replaceStrings [ "aa" ] [ "b" ] "aaaaa" #> "bba"
---
builtins.replaceStrings [ 1 ] [ "b" ] "a" #! type-error
---
builtins.replaceStrings [ "é" ] [ "e" ] "été" #> "ete"
---
builtins.split "," "a,b,c" #> [ "a" [ ] "b" [ ] "c" ]
---
builtins.split "(,)" "a,b" #> [ "a" [ "," ] "b" ]
---
builtins.split "x" "abc" #> [ "abc" ]
---
builtins.split "" "ab" #> [ "" [ ] "a" [ ] "b" [ ] "" ]
---
builtins.split "b*" "abbc" #> [ "" [ ] "a" [ ] "" [ ] "c" [ ] "" ]
---
builtins.split "(a)|(b)" "xaybz" #> [ "x" [ "a" null ] "y" [ null "b" ] "z" ]
---
builtins.split "([[:upper:]]+)" " FOO " #> [ " " [ "FOO" ] " " ]
---
builtins.split "a" "a" #> [ "" [ ] "" ]
---
builtins.split "(" "a" #! invalid-argument
---
builtins.split 1 "a" #! type-error
---
builtins.match "a" "a" #> [ ]
---
builtins.match "a" "ab" #> null
---
builtins.match "(a)(b)?" "a" #> [ "a" null ]
---
builtins.match "(a|b)*" "abab" #> [ "b" ]
---
builtins.match "([0-9]+)-([a-z]+)" "12-ab" #> [ "12" "ab" ]
---
builtins.match "[[:space:]]+([^[:space:]]+)[[:space:]]+" "  foo " #> [ "foo" ]
---
builtins.match "a{2,3}" "aaa" #> [ ]
---
builtins.match "a{2,3}" "aaaa" #> null
---
builtins.match ".*" "a\nb" #> [ ]
---
builtins.match "(.*)\\.nix" "a.b.nix" #> [ "a.b" ]
---
builtins.match "[a-c]+" "abcabc" #> [ ]
---
builtins.match "[]a]+" "]a" #> [ ]
---
builtins.match "[^]a]+" "bc" #> [ ]
---
builtins.match "a**" "a" #> [ ]
---
builtins.match "*" "a" #! invalid-argument
---
builtins.match "(a" "a" #! invalid-argument
---
builtins.match "[a" "a" #! invalid-argument
---
builtins.match "" "" #> [ ]
---
builtins.match "(a*)(a*)" "aaa" #> [ "aaa" "" ]
---
builtins.match "(a|ab)(c|bcd)(d*)" "abcd" #> [ "a" "bcd" "" ]
---
builtins.match "\\(x\\)" "(x)" #> [ ]
---
builtins.match "a.c" "aéc" #> null
---
builtins.match "[[:alpha:]_][[:alnum:]_]*" "foo_1" #> [ ]
---
builtins.match "x" 1 #! type-error
---
builtins.stringLength "日本" #> 6
---
builtins.hashString "md5" "" #> "d41d8cd98f00b204e9800998ecf8427e"
---
builtins.hashString "sha1" "abc" #> "a9993e364706816aba3e25717850c26c9cd0d89d"
---
builtins.hashString "sha256" "abc" #> "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
---
builtins.hashString "sha512" "abc" #> "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
---
builtins.hashString "blake3" "abc" #! invalid-argument
---
builtins.hashString "sha3" "abc" #! invalid-argument
---
builtins.hashString "sha256" 1 #! type-error
---
builtins.convertHash { hash = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="; toHashFormat = "base16"; } #> "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
---
builtins.convertHash { hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; hashAlgo = "sha256"; toHashFormat = "nix32"; } #> "1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"
---
builtins.convertHash { hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; hashAlgo = "sha256"; toHashFormat = "base64"; } #> "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
---
builtins.convertHash { hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; hashAlgo = "sha256"; toHashFormat = "sri"; } #> "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
---
builtins.convertHash { hash = "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"; toHashFormat = "base16"; } #> "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
---
builtins.convertHash { hash = "nope"; hashAlgo = "sha256"; toHashFormat = "sri"; } #! invalid-argument
---
builtins.convertHash { hash = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="; toHashFormat = "base99"; } #! invalid-argument
---
builtins.convertHash { hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; toHashFormat = "sri"; } #! invalid-argument
---
toString 1 #> "1"
---
toString 1.5 #> "1.500000"
---
toString true #> "1"
---
toString false #> ""
---
toString null #> ""
---
toString [ ] #> ""
---
toString [ 1 [ 2 [ ] 3 ] "x" null ] #> "1 2 3 x "
---
toString [ [ ] ] #> ""
---
toString [ "a" [ ] "b" ] #> "a b"
---
toString [ true false ] #> "1 "
---
toString { } #! cannot-coerce
---
toString (x: x) #! cannot-coerce
---
toString "a" #> "a"
---
toString 1.0 #> "1.000000"
---
toString 100000000.0 #> "100000000.000000"
---
toString 0.1 #> "0.100000"
---
toString 1.0e-7 #> "0.000000"
---
toString -5 #! type-error
---
toString 9223372036854775807 #> "9223372036854775807"
---
toString { __toString = self: self.x; x = "a"; } #> "a"
---
toString { __toString = self: 1; } #> "1"
---
toString { outPath = 5; } #> "5"
---
toString /a/b #> "/a/b"
---
toString [ { outPath = "x"; } ] #> "x"
---
builtins.toString 1 #> "1"
---
builtins.isString "a" #> true
---
builtins.isString 1 #> false
---
builtins.typeOf "a" #> "string"
---
builtins.unsafeDiscardStringContext "a" #> "a"
---
builtins.hasContext "a" #> false
---
builtins.getContext "a" #> { }
---
builtins.unsafeDiscardOutputDependency "a" #> "a"
---
builtins.appendContext "a" { } #> "a"
---
builtins.placeholder "out" #> "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"
---
builtins.placeholder "dev" #> "/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz"
---
builtins.placeholder 1 #! type-error
---
builtins.getEnv "TEST_VAR" #> "foo"
---
builtins.getEnv "NO_SUCH_VARIABLE" #> ""
---
builtins.getEnv 1 #! type-error
