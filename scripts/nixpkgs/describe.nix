# What is at an attribute path of a package set, as JSON: asked of both implementations, so that they walk alike.
root: path:
let
  value = builtins.foldl' (set: name: set.${name}) root path;
  isDerivation = value.type or null == "derivation";
in
builtins.unsafeDiscardStringContext (
  builtins.toJSON (
    if !builtins.isAttrs value then
      { kind = builtins.typeOf value; }
    else if isDerivation then
      {
        kind = "derivation";
        inherit (value) drvPath;
      }
    else
      {
        kind = "set";
        names = builtins.attrNames value;
        recurse = value.recurseForDerivations or false == true;
      }
  )
)
