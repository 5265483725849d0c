# What programs look for: variables of sets around (`with`), names that a set may have, and packages in lists.
let
  inherit (builtins)
    concatLists
    elem
    elemAt
    foldl'
    genList
    getAttr
    hasAttr
    length
    listToAttrs
    ;

  # Six sets of which the last is asked first.
  library = genList (
    i:
    listToAttrs (
      genList (j: {
        name = "v${toString (i * 20 + j)}";
        value = i + j;
      }) 20
    )
  ) 6;
  variables =
    with elemAt library 0;
    with elemAt library 1;
    with elemAt library 2;
    with elemAt library 3;
    with elemAt library 4;
    with elemAt library 5;
    foldl' (total: _: total + v1 + v25 + v47 + v66 + v88 + v110) 0 (genList (n: n) 150000);

  # Options by name, each looked for in all modules, as merging them does.
  modules = genList (i: {
    config = listToAttrs (
      genList (j: {
        name = "option-${toString (i * 3 + j)}";
        value = j;
      }) 4
    );
  }) 500;
  defined =
    name:
    concatLists (
      map (module: if hasAttr name module.config then [ (getAttr name module.config) ] else [ ]) modules
    );
  options = foldl' (total: i: total + length (defined "option-${toString (i * 3)}")) 0 (
    genList (i: i) 500
  );

  # Each package once.
  packages = genList (
    i:
    {
      type = "derivation";
      outPath = "/nix/store/${toString i}";
    }
    // listToAttrs (
      genList (j: {
        name = "attribute-${toString j}";
        value = i;
      }) 20
    )
  ) 600;
  distinct = foldl' (found: package: if elem package found then found else found ++ [ package ]) [ ] (
    packages ++ packages
  );
in
[
  variables
  options
  (length distinct)
]
