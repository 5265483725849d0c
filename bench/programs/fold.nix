# A strict fold over a list of five million elements, each made when it is needed.
builtins.foldl' (sum: n: sum + n) 0 (builtins.genList (n: n) 5000000)
