# Where attributes are said to be defined: [ line column ], or null. Imported, since C++ Nix knows no positions of
# attributes in an expression given on the command line.
let
  at =
    name: set:
    let
      pos = builtins.unsafeGetAttrPos name set;
    in
    if pos == null then null else [ pos.line pos.column ];
  plain = {
    a = 1; b = 2;
    "c" = 3;
    d.e = 4;
    d.f = 5;
    ${"dyn" + "amic"} = 6;
    inherit (builtins) map;
    inherit at;
  };
in
{
  plain = builtins.mapAttrs (name: value: at name plain) plain;
  nested = [ (at "e" plain.d) (at "f" plain.d) ];
  missing = at "zzz" plain;
  updated = [
    (at "a" (plain // { b = 1; }))
    (at "b" (plain // { b = 1; }))
  ];
  mapped = at "a" (builtins.mapAttrs (name: value: 1) plain);
  removed = at "a" (removeAttrs plain [ "b" ]);
  intersected = at "a" (builtins.intersectAttrs { a = 1; } plain);
  listed = at "a" (
    builtins.listToAttrs [
      {
        name = "a";
        value = 1;
      }
    ]
  );
  zipped = at "a" (builtins.zipAttrsWith (name: values: values) [ { a = 1; } ]);
  grouped = at "x" (builtins.groupBy (x: "x") [ 1 ]);
  formals = at "b" (
    builtins.functionArgs (
      {
        a,
        b ? 1,
      }:
      a
    )
  );
  recursive = at "y" (rec {
    x = 1;
    y = x;
  });
  here = [ __curPos.line __curPos.column ];
  there = builtins.attrNames __curPos;
}
