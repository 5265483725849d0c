builtins.toJSON null #> "null"
---
builtins.toJSON true #> "true"
---
builtins.toJSON 1 #> "1"
---
builtins.toJSON 1.5 #> "1.5"
---
builtins.toJSON 1.0 #> "1.0"
---
builtins.toJSON 0.1 #> "0.1"
---
builtins.toJSON 1.0e30 #> "1e+30"
---
builtins.toJSON 100000000000000000000.0 #> "1e+20"
---
builtins.toJSON (-0.0) #> "0.0"
---
builtins.toJSON 9223372036854775807 #> "9223372036854775807"
---
builtins.toJSON "a\"b\\c\n\t\r" #> "\"a\\\"b\\\\c\\n\\t\\r\""
---
builtins.toJSON "é日" #> "\"é日\""
---
builtins.toJSON "" #> "\"\""
---
builtins.toJSON "/" #> "\"/\""
---
builtins.toJSON [ ] #> "[]"
---
builtins.toJSON { } #> "{}"
---
builtins.toJSON [ 1 "a" null [ ] { } ] #> "[1,\"a\",null,[],{}]"
---
builtins.toJSON { b = 1; a = [ 2 { c = null; } ]; } #> "{\"a\":[2,{\"c\":null}],\"b\":1}"
---
builtins.toJSON { "a b" = 1; "" = 2; } #> "{\"\":2,\"a b\":1}"
---
builtins.toJSON { outPath = "/o"; a = 1; } #> "\"/o\""
---
builtins.toJSON { __toString = self: "s"; a = 1; } #> "\"s\""
---
builtins.toJSON { outPath = { a = 1; }; } #> "{\"a\":1}"
---
builtins.toJSON (x: x) #! invalid-argument
---
builtins.toJSON [ (x: x) ] #! invalid-argument
---
builtins.toJSON builtins.map #! invalid-argument
---
builtins.toJSON { a = throw "looked at"; } #! throw
---
builtins.toJSON (1.0e300 * 1.0e300) #> "null"
---
builtins.toJSON (builtins.substring 0 1 "é") #! invalid-argument
---
builtins.fromJSON "null" #> null
---
builtins.fromJSON "true" #> true
---
builtins.fromJSON " [ 1 , 2 ] " #> [ 1 2 ]
---
builtins.fromJSON "1" #> 1
---
builtins.fromJSON "-1" #> -1
---
builtins.fromJSON "1.5" #> 1.5
---
builtins.fromJSON "1.0" #> 1
---
builtins.fromJSON "1e3" #> 1000
---
builtins.fromJSON "1E-2" #> 0.01
---
builtins.fromJSON "9223372036854775807" #> 9223372036854775807
---
builtins.fromJSON "-9223372036854775808" #> -9223372036854775808
---
builtins.fromJSON "9223372036854775808" #! invalid-argument
---
builtins.fromJSON "18446744073709551616" #> 1.84467e+19
---
builtins.fromJSON "9007199254740993" #> 9007199254740993
---
builtins.fromJSON "\"a\\u00e9\\n\\\"\"" #> "aé\n\""
---
builtins.fromJSON "\"\\ud83d\\ude00\"" #> "😀"
---
builtins.fromJSON "\"\\ud83d\"" #! invalid-argument
---
builtins.fromJSON "\"\\u0000\"" #! invalid-argument
---
builtins.fromJSON "{\"b\": 1, \"a\": {\"c\": []}}" #> { a = { c = [ ]; }; b = 1; }
---
builtins.fromJSON "{\"a\": 1, \"a\": 2}" #> { a = 2; }
---
builtins.fromJSON "{}" #> { }
---
builtins.fromJSON "[]" #> [ ]
---
builtins.fromJSON "" #! invalid-argument
---
builtins.fromJSON "{" #! invalid-argument
---
builtins.fromJSON "[1,]" #! invalid-argument
---
builtins.fromJSON "{a: 1}" #! invalid-argument
---
builtins.fromJSON "01" #! invalid-argument
---
builtins.fromJSON "1 2" #! invalid-argument
---
builtins.fromJSON "nul" #! invalid-argument
---
builtins.fromJSON "'a'" #! invalid-argument
---
builtins.fromJSON "[1] // x" #! invalid-argument
---
builtins.fromJSON "\"\\x\"" #! invalid-argument
---
builtins.fromJSON 1 #! type-error
---
builtins.fromJSON (builtins.toJSON { a = [ 1 2.5 "x" null true ]; }) == { a = [ 1 2.5 "x" null true ]; } #> true
---
builtins.fromJSON "1e400" #! invalid-argument
---
builtins.fromJSON "-0" #> 0
---
builtins.fromJSON "-0.0" #> -0
---
builtins.fromJSON "[[[[]]]]" #> [ [ [ [ ] ] ] ]
---
builtins.fromJSON "\"\t\"" #! invalid-argument
---
builtins.toXML 1 #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <int value=\"1\" />\n</expr>\n"
---
builtins.toXML { a = [ 1 "x<&\">" null true 1.5 ]; } #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <attrs>\n    <attr name=\"a\">\n      <list>\n        <int value=\"1\" />\n        <string value=\"x&lt;&amp;&quot;&gt;\" />\n        <null />\n        <bool value=\"true\" />\n        <float value=\"1.5\" />\n      </list>\n    </attr>\n  </attrs>\n</expr>\n"
---
builtins.toXML (x: x) #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <function>\n    <varpat name=\"x\" />\n  </function>\n</expr>\n"
---
builtins.toXML ({ a, b ? 1, ... }@c: a) #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <function>\n    <attrspat ellipsis=\"1\" name=\"c\">\n      <attr name=\"a\" />\n      <attr name=\"b\" />\n    </attrspat>\n  </function>\n</expr>\n"
---
builtins.toXML builtins.map #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <unevaluated />\n</expr>\n"
---
builtins.toXML /a #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <path value=\"/a\" />\n</expr>\n"
---
builtins.toXML [ ] #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n  </list>\n</expr>\n"
---
builtins.toXML { "a b" = "\n"; } #> "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <attrs>\n    <attr name=\"a b\">\n      <string value=\"&#xA;\" />\n    </attr>\n  </attrs>\n</expr>\n"
---
builtins.toXML (throw "looked at") #! throw
