builtins.tryEval 1 #> { success = true; value = 1; }
---
builtins.tryEval (throw "x") #> { success = false; value = false; }
---
builtins.tryEval (assert false; 1) #> { success = false; value = false; }
---
builtins.tryEval (assert true; 1) #> { success = true; value = 1; }
---
builtins.tryEval (abort "x") #! abort
---
builtins.tryEval (1 + "a") #! cannot-add
---
builtins.tryEval { a = throw "not looked at"; } == { } #> false
---
builtins.tryEval { a = throw "looked at"; } #! throw
---
(builtins.tryEval { a = throw "not looked at"; }).success #> true
---
builtins.tryEval [ (throw "looked at") ] #! throw
---
builtins.tryEval (builtins.deepSeq [ (throw "x") ] 1) #> { success = false; value = false; }
---
builtins.tryEval (builtins.seq (throw "x") 1) #> { success = false; value = false; }
---
builtins.tryEval ({ }.a) #! attribute-missing
---
builtins.tryEval undefined #! undefined-variable
---
builtins.tryEval (1 / 0) #! division-by-zero
---
builtins.tryEval (builtins.head [ ]) #! invalid-argument
---
builtins.tryEval (let x = x; in x) #! infinite-recursion
---
builtins.tryEval (import ./files/missing.nix) #! file-not-found
---
builtins.tryEval (builtins.readFile ./files/missing) #! io
---
builtins.tryEval <missing> #> { success = false; value = false; }
---
builtins.tryEval (builtins.getAttr "a" { }) #! attribute-missing
---
builtins.tryEval ((x: x) (throw "x")) #> { success = false; value = false; }
---
builtins.tryEval ((x: 1) (throw "x")) #> { success = true; value = 1; }
---
builtins.tryEval ({ a }: a) #> { success = true; value = <LAMBDA>; }
---
builtins.tryEval (({ a }: a) { }) #! missing-argument
---
builtins.tryEval (9223372036854775807 + 1) #! integer-overflow
---
builtins.tryEval (builtins.fromJSON "{") #! invalid-argument
---
builtins.tryEval (toString (throw "x")) #> { success = false; value = false; }
---
builtins.tryEval "${throw "x"}" #> { success = false; value = false; }
---
builtins.tryEval (builtins.tryEval (throw "x")) #> { success = true; value = { success = false; value = false; }; }
---
(builtins.tryEval (builtins.tryEval (throw "x")).value).value #> false
---
(builtins.tryEval (throw "x")).value #> false
---
throw "looked at" #! throw
---
throw 1 #! cannot-coerce
---
throw "looked at ${toString 1}" #! throw
---
abort "stop" #! abort
---
abort 1 #! cannot-coerce
---
assert false; 1 #! assertion-failed
---
assert { a = 1; } == { a = 2; }; 1 #! assertion-unequal
---
assert builtins.isInt "x"; 1 #! assertion-failed
---
builtins.addErrorContext "context" 1 #> 1
---
builtins.addErrorContext "context" (throw "looked at") #! throw
---
builtins.addErrorContext 1 (throw "looked at") #! cannot-coerce
---
builtins.trace "message" 1 #> 1
---
builtins.trace { a = 1; } 1 #> 1
---
builtins.trace (throw "looked at") 1 #! throw
---
builtins.traceVerbose "message" 1 #> 1
---
builtins.traceVerbose (throw "not looked at") 1 #> 1
---
builtins.warn "careful" 1 #> 1
---
builtins.warn 1 1 #! type-error
---
builtins.break 1 #> 1
