# Attribute sets: a large one made at once, one made by 6,000 updates, and a map over both.
let
  inherit (builtins)
    attrNames
    attrValues
    foldl'
    genList
    length
    listToAttrs
    mapAttrs
    ;
  sum = foldl' (total: n: total + n) 0;

  large = listToAttrs (
    genList (n: {
      name = "key-${toString n}";
      value = n;
    }) 300000
  );
  grown = foldl' (set: n: set // { "key-${toString n}" = n; }) { } (genList (n: n) 6000);
in
{
  large = length (attrNames large);
  grown = length (attrNames grown);
  sum = sum (attrValues (mapAttrs (name: value: value + 1) large));
  grownSum = sum (attrValues (mapAttrs (name: value: value * 2) grown));
  updated = (large // grown // { key-1 = 5; }).key-1;
}
