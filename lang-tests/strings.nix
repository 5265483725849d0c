"" #> ""
---
"a" #> "a"
---
"a\nb" #> "a\nb"
---
"\t\r\n" #> "\t\r\n"
---
"\\" #> "\\"
---
"\"" #> "\""
---
"\$" #> "$"
---
"\${x}" #> "\${x}"
---
"$${x}" #> "$\${x}"
---
"$" #> "$"
---
"$$" #> "$$"
---
"\a\b\x" #> "abx"
---
"${"nested ${"deeper"}"}" #> "nested deeper"
---
"a${"b"}c${"d"}" #> "abcd"
---
"${toString 1}" #> "1"
---
"${1}" #! cannot-coerce
---
"${1.5}" #! cannot-coerce
---
"${null}" #! cannot-coerce
---
"${true}" #! cannot-coerce
---
"${[ ]}" #! cannot-coerce
---
"${x: x}" #! cannot-coerce
---
"${{ }}" #! cannot-coerce
---
"${{ outPath = "o"; }}" #> "o"
---
"${{ __toString = self: "s"; }}" #> "s"
---
"${{ __toString = self: self.x + "!"; x = "s"; }}" #> "s!"
---
"${{ __toString = self: "s"; outPath = "o"; }}" #> "s"
---
"${{ __toString = self: 1; }}" #! cannot-coerce
---
"${{ outPath = { outPath = "deep"; }; }}" #> "deep"
---
"${{ outPath = 1; }}" #! cannot-coerce
---
"é" #> "é"
---
"日本語" #> "日本語"
---
"a${""}b" #> "ab"
---
"two
lines" #> "two\nlines"
---
"
starts with a newline" #> "\nstarts with a newline"
---
"a" + "b${"c"}" #> "abc"
---
"\u0041" #> "u0041"
---
"tab	inside" #> "tab\tinside"
---
"'" #> "'"
---
"''" #> "''"
---
"it's" #> "it's"
---
http://example.org/a?b=c #> "http://example.org/a?b=c"
---
mailto:x #> "mailto:x"
---
x:y #> "x:y"
---
{ url = http://example.org; }.url #> "http://example.org"
---
builtins.stringLength "é" #> 2
---
builtins.stringLength "" #> 0
---
builtins.stringLength "abc" #> 3
---
builtins.stringLength 1 #! cannot-coerce
---
builtins.substring 0 2 "abc" #> "ab"
---
builtins.substring 1 100 "abc" #> "bc"
---
builtins.substring 3 1 "abc" #> ""
---
builtins.substring 10 1 "abc" #> ""
---
builtins.substring 0 0 "abc" #> ""
---
builtins.substring 0 (-1) "abc" #> "abc"
---
builtins.substring 1 (-1) "abc" #> "bc"
---
builtins.substring (-1) 1 "abc" #! invalid-argument
---
builtins.substring 0 1 "é" == "é" #> false
---
builtins.substring 0 2 "éa" #> "é"
---
builtins.substring 0 1 1 #! cannot-coerce
---
"unterminated

"${" #! unexpected-token

"a" "b"
