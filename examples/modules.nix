# A module system: typed options, declared in one module and defined in others, merged by priority and evaluated to a
# fixed point, so that any option may depend on any other.
#
#   evalModules { modules = [ ./a.nix { config.x = 1; } ]; args = { … }; }  ->  { config, options }
#
# A module is a set { imports, options, config }, or a function from { config, options, … } to one, or a path to either.
# A module that has neither `options` nor `config` is all config.
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    listToAttrs
    mapAttrs
    sort
    tail
    toJSON
    typeOf
    zipAttrsWith
    ;

  last = list: elemAt list (length list - 1);
  optional = condition: value: if condition then [ value ] else [ ];
  showPath = path: concatStringsSep "." path;

  # ------------------------------------------------------------------------------------------------------- properties
  #
  # What a definition may be wrapped in. `mkIf` over a set stays lazy in its condition: it is pushed down to the leaves
  # first, so that a module may ask for the very options that it defines.

  typeOfProperty = value: if isAttrs value then value._type or null else null;

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOrder = order: content: {
    _type = "order";
    inherit order content;
  };

  defaultPriority = 100;
  optionDefaultPriority = 1500;
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;
  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;

  # The sets that a wrapped set of definitions amounts to, each definition wrapped instead of the whole.
  pushDown =
    definitions:
    let
      property = typeOfProperty definitions;
      each = wrap: map (mapAttrs (_: wrap)) (pushDown definitions.content);
    in
    if property == "merge" then
      concatMap pushDown definitions.contents
    else if property == "if" then
      each (mkIf definitions.condition)
    else if property == "override" then
      each (mkOverride definitions.priority)
    else if property == "order" then
      each (mkOrder definitions.order)
    else
      [ definitions ];

  # The plain definitions, { file, value, priority, order }, that one wrapped definition of an option amounts to.
  discharge =
    definition:
    let
      inherit (definition) value;
      property = typeOfProperty value;
      inner = discharge (definition // { value = value.content; });
    in
    if property == "merge" then
      concatMap (content: discharge (definition // { value = content; })) value.contents
    else if property == "if" then
      if isBool value.condition then
        if value.condition then inner else [ ]
      else
        throw "${definition.file}: the condition of mkIf is not a Boolean but a ${typeOf value.condition}"
    else if property == "override" then
      map (one: one // { inherit (value) priority; }) inner
    else if property == "order" then
      map (one: one // { inherit (value) order; }) inner
    else
      [ definition ];

  # Only the definitions of the most urgent priority count, in their order.
  select =
    definitions:
    let
      urgent = foldl' (least: one: if one.priority < least then one.priority else least) 9999 definitions;
      chosen = filter (one: one.priority == urgent) definitions;
      ordered = any (one: one.order != 1000) chosen;
    in
    if ordered then sort (a: b: a.order < b.order) chosen else chosen;

  # ------------------------------------------------------------------------------------------------------------ types
  #
  # { name, check, merge }. `merge path definitions` makes one value of a list of definitions, which is never empty.

  showDefinitions =
    definitions: concatStringsSep "" (map (one: "\n- in ${one.file}: ${toJSON one.value}") definitions);

  mergeOne =
    path: definitions:
    if length definitions == 1 then
      (head definitions).value
    else
      throw "the option `${showPath path}` is defined more than once:${showDefinitions definitions}";

  mergeEqual =
    path: definitions:
    foldl' (
      value: one:
      if value == one.value then
        value
      else
        throw "the option `${showPath path}` has conflicting definitions:${showDefinitions definitions}"
    ) (head definitions).value (tail definitions);

  mkType = type: { merge = mergeEqual; } // type;

  types = rec {
    anything = mkType {
      name = "anything";
      check = _: true;
      merge = mergeOne;
    };
    bool = mkType {
      name = "Boolean";
      check = isBool;
    };
    int = mkType {
      name = "integer";
      check = isInt;
    };
    str = mkType {
      name = "string";
      check = isString;
    };
    lines = mkType {
      name = "lines";
      check = isString;
      merge = _: definitions: concatStringsSep "\n" (map (one: one.value) definitions);
    };
    ints.between =
      low: high:
      mkType {
        name = "integer between ${toString low} and ${toString high}";
        check = value: isInt value && low <= value && value <= high;
      };
    port = ints.between 0 65535;
    enum =
      values:
      mkType {
        name = "one of ${toJSON values}";
        check = value: elem value values;
      };

    nullOr =
      type:
      mkType {
        name = "null or ${type.name}";
        check = value: value == null || type.check value;
        merge =
          path: definitions:
          if all (one: one.value == null) definitions then
            null
          else if any (one: one.value == null) definitions then
            throw "the option `${showPath path}` is both null and not null:${showDefinitions definitions}"
          else
            type.merge path definitions;
      };

    either =
      left: right:
      mkType {
        name = "${left.name} or ${right.name}";
        check = value: left.check value || right.check value;
        merge =
          path: definitions:
          if all (one: left.check one.value) definitions then
            left.merge path definitions
          else if all (one: right.check one.value) definitions then
            right.merge path definitions
          else
            mergeOne path definitions;
      };

    listOf =
      type:
      mkType {
        name = "list of ${type.name}";
        check = isList;
        merge =
          path: definitions:
          concatLists (
            map (
              definition:
              let
                count = length definition.value;
                entry = index: mergeValue (path ++ [ "[${toString index}]" ]) type [
                  (definition // { value = elemAt definition.value index; })
                ];
              in
              concatLists (builtins.genList entry count)
            ) definitions
          );
      };

    attrsOf =
      type:
      mkType {
        name = "attribute set of ${type.name}";
        check = isAttrs;
        merge =
          path: definitions:
          let
            byName = zipAttrsWith (_: values: values) (
              concatMap (
                definition: map (mapAttrs (_: value: definition // { inherit value; })) (pushDown definition.value)
              ) definitions
            );
            merged = mapAttrs (name: mergeValue (path ++ [ name ]) type) byName;
          in
          # An attribute whose every definition is disabled does not exist.
          listToAttrs (
            concatMap (
              name: map (value: { inherit name value; }) merged.${name}
            ) (attrNames merged)
          );
      };

    submodule =
      module:
      mkType {
        name = "submodule";
        check = value: isAttrs value || isFunction value;
        merge =
          path: definitions:
          (evalModules {
            inherit path;
            modules = [ module ] ++ map (one: {
              _file = one.file;
              imports = [ one.value ];
            }) definitions;
            args.name = last path;
          }).config;
      };
  };

  # The value that definitions of `type` amount to: a list of it, or an empty list where nothing is defined.
  mergeValue =
    path: type: definitions:
    let
      chosen = select (concatMap discharge definitions);
      checked = map (
        one:
        if type.check one.value then
          one
        else
          throw "the option `${showPath path}` is not of type ${type.name}:${showDefinitions [ one ]}"
      ) chosen;
    in
    optional (chosen != [ ]) (type.merge path checked);

  # ---------------------------------------------------------------------------------------------------------- options

  mkOption = option: option // { _type = "option"; };
  mkEnableOption =
    name:
    mkOption {
      type = types.bool;
      default = false;
      description = "Whether to enable ${name}.";
    };
  isOption = value: typeOfProperty value == "option";

  evalOption =
    path: option: definitions:
    let
      byDefault = optional (option ? default) {
        file = option.file;
        value = option.default;
        priority = optionDefaultPriority;
        order = 1000;
      };
      merged = mergeValue path option.type (byDefault ++ definitions);
      value =
        if merged == [ ] then
          throw "the option `${showPath path}` is used but not defined"
        else
          (option.apply or (x: x)) (head merged);
    in
    option
    // {
      inherit value path;
      isDefined = definitions != [ ];
      files = map (one: one.file) definitions;
    };

  # --------------------------------------------------------------------------------------------------------- modules

  # One shape for all ways to write a module, and for the modules it imports.
  collect =
    args: parent: module:
    let
      isPath = typeOf module == "path" || isString module;
      loaded = if isPath then import module else module;
      file = if isPath then toString module else set._file or parent;
      set = if isFunction loaded then loaded args else loaded;
      structured = set ? options || set ? config || set ? imports;
      one = {
        inherit file;
        options = set.options or { };
        config = if structured then set.config or { } else removeAttrs set [ "_file" ];
      };
    in
    if !isAttrs set then
      throw "${file}: a module is a set or a function to one, this is a ${typeOf set}"
    else
      concatMap (collect args file) (set.imports or [ ]) ++ [ one ];

  # Declarations and definitions below `path`, matched by name: { options, config, unknown }, the last a list of
  # definitions that no option takes.
  evalTree =
    path: declarations: definitions:
    let
      declared = zipAttrsWith (_: values: values) (
        map (one: mapAttrs (_: option: { inherit (one) file; inherit option; }) one.options) declarations
      );
      defined = zipAttrsWith (_: values: values) (
        concatMap (
          one:
          map (
            mapAttrs (_: value: {
              inherit (one) file;
              inherit value;
              priority = defaultPriority;
              order = 1000;
            })
          ) (pushDown one.config)
        ) definitions
      );
      matched = mapAttrs (
        name: found:
        let
          here = path ++ [ name ];
          meant = defined.${name} or [ ];
          count = length (filter (one: isOption one.option) found);
        in
        if count == 1 && length found == 1 then
          let
            option = evalOption here ((head found).option // { inherit (head found) file; }) meant;
          in
          {
            options = option;
            config = option.value;
            unknown = [ ];
          }
        else if count == 0 then
          evalTree here (map (one: { inherit (one) file; options = one.option; }) found) (
            map (one: { inherit (one) file; config = one.value; }) meant
          )
        else
          throw "the option `${showPath here}` is declared more than once, in ${
            concatStringsSep " and " (map (one: one.file) found)
          }"
      ) declared;
      strangers = removeAttrs defined (attrNames declared);
    in
    {
      options = mapAttrs (_: one: one.options) matched;
      config = mapAttrs (_: one: one.config) matched;
      unknown =
        concatMap (
          name: map (one: "`${showPath (path ++ [ name ])}` in ${one.file}") strangers.${name}
        ) (attrNames strangers)
        ++ concatLists (map (one: one.unknown) (attrValues matched));
    };

  evalModules =
    {
      modules,
      args ? { },
      path ? [ ],
    }:
    let
      collected = concatMap (collect (args // { inherit (result) config options; }) "<anonymous module>") modules;
      result = evalTree path collected collected;
    in
    if result.unknown == [ ] then
      { inherit (result) config options; }
    else
      throw "there is no such option: ${concatStringsSep ", " result.unknown}";
in
{
  inherit
    evalModules
    mkAfter
    mkBefore
    mkDefault
    mkEnableOption
    mkForce
    mkIf
    mkMerge
    mkOption
    mkOverride
    types
    ;
}
