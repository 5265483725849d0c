a: b: builtins.add a b
