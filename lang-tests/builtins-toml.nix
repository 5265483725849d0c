builtins.fromTOML "" #> { }
---
builtins.fromTOML "a = 1" #> { a = 1; }
---
builtins.fromTOML "a = 'x'\nb = \"y\\n\"\n[c]\nd = [ 1, 2 ]\n[c.e]\nf = true" #> { a = "x"; b = "y\n"; c = { d = [ 1 2 ]; e = { f = true; }; }; }
---
builtins.fromTOML "[[x]]\na = 1\n[[x]]\na = 2" #> { x = [ { a = 1; } { a = 2; } ]; }
---
builtins.fromTOML "a = 1.5\nb = inf\nc = 0x10\nd = 0b11\ne = 0o17\nf = 1_000" #> { a = 1.5; b = inf; c = 16; d = 3; e = 15; f = 1000; }
---
builtins.fromTOML "a.b.c = 1\na.b.d = 2" #> { a = { b = { c = 1; d = 2; }; }; }
---
builtins.fromTOML "x = { a = 1, b = { c = 2 } }" #> { x = { a = 1; b = { c = 2; }; }; }
---
builtins.fromTOML "a = 9223372036854775807" #> { a = 9223372036854775807; }
---
builtins.fromTOML "a = -9223372036854775808" #> { a = -9223372036854775808; }
---
builtins.fromTOML "\"a b\" = 1\n'c d' = 2" #> { "a b" = 1; "c d" = 2; }
---
builtins.fromTOML "a = \"\"\"\nline one\nline two\"\"\"" #> { a = "line one\nline two"; }
---
builtins.fromTOML "a = '''raw \\n'''" #> { a = "raw \\n"; }
---
builtins.fromTOML "a = \"\\u00e9\"" #> { a = "é"; }
---
builtins.fromTOML "# comment\na = [ ] # more\n" #> { a = [ ]; }
---
builtins.fromTOML "a = 1\na = 2" #! invalid-argument
---
builtins.fromTOML "a =" #! invalid-argument
---
builtins.fromTOML "[a" #! invalid-argument
---
builtins.fromTOML "a = 1979-05-27" #! invalid-argument
---
builtins.fromTOML "a = 01" #! invalid-argument
---
builtins.fromTOML 1 #! type-error
---
builtins.fromTOML "a = [ 1, 'x', [ 2 ] ]" #> { a = [ 1 "x" [ 2 ] ]; }
---
builtins.fromTOML "a = 6.0\nb = 1e3" #> { a = 6; b = 1000; }
