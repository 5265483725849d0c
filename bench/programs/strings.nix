# Formats a million strings and joins them.
let
  inherit (builtins)
    concatStringsSep
    genList
    hashString
    stringLength
    ;
  text = concatStringsSep "\n" (genList (n: "item ${toString n}: ${toString (n * 3)};") 1000000);
in
{
  length = stringLength text;
  digest = hashString "sha256" text;
}
