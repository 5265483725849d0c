# 2,000 services, each a set of thirteen options, half of them switched on, each defined by three modules at different
# priorities, and a manual of all options: what evaluating a NixOS configuration is made of.
let
  inherit (import ../../examples/modules.nix)
    evalModules
    mkDefault
    mkEnableOption
    mkForce
    mkIf
    mkMerge
    mkOption
    types
    ;
  inherit (builtins)
    bitAnd
    concatMap
    concatStringsSep
    filter
    genList
    hashString
    length
    listToAttrs
    mapAttrs
    toJSON
    ;

  services = 2000;
  name = index: "service-${toString index}";
  neighbour = index: name (bitAnd (index * 7 + 3) 1023);

  declare =
    index:
    { config, ... }:
    {
      options.services.${name index} = {
        enable = mkEnableOption (name index);
        port = mkOption {
          type = types.port;
          default = 8000 + index;
        };
        host = mkOption {
          type = types.str;
          default = "localhost";
        };
        flags = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
        extraConfig = mkOption {
          type = types.lines;
          default = "";
        };
        level = mkOption {
          type = types.enum [
            "debug"
            "info"
            "error"
          ];
          default = "info";
        };
        user = mkOption {
          type = types.nullOr types.str;
          default = null;
        };
        settings = mkOption {
          type = types.attrsOf (types.either types.int types.str);
          default = { };
        };
        instances = mkOption {
          type = types.attrsOf (
            types.submodule (
              { name, ... }:
              {
                options.workers = mkOption {
                  type = types.int;
                  default = 1;
                };
                options.title = mkOption {
                  type = types.str;
                  default = "instance ${name}";
                };
              }
            )
          );
          default = { };
        };
        limits = {
          memory = mkOption {
            type = types.int;
            default = 512;
          };
          files = mkOption {
            type = types.nullOr types.int;
            default = null;
          };
          nice = mkOption {
            type = types.ints.between (-20) 19;
            default = 0;
          };
        };
        url = mkOption {
          type = types.str;
          apply = url: "${url}/";
        };
      };
      config.services.${name index} = {
        url = mkDefault "http://${config.services.${name index}.host}:${toString config.services.${name index}.port}";
        settings.port = config.services.${name index}.port;
      };
    };

  define =
    index:
    { config, ... }:
    {
      config = mkMerge [
        {
          services.${name index}.enable = bitAnd index 1 == 0;
        }
        (mkIf config.services.${name index}.enable {
          services.${name index} = {
            host = mkDefault "${name index}.example.org";
            flags = [
              "--verbose"
              "--index=${toString index}"
            ];
            extraConfig = "index ${toString index}";
            user = "user-${toString index}";
            settings.upstream = config.services.${neighbour index}.url;
            instances.main.workers = 4;
            instances.spare = { };
            limits.memory = mkDefault (1024 * config.services.${name index}.instances.main.workers);
            limits.files = mkIf (index > 100) 4096;
          };
        })
      ];
    };

  override =
    index:
    { config, ... }:
    {
      services.${name index} = {
        level = if bitAnd index 3 == 0 then mkForce "error" else mkDefault "debug";
        flags = mkIf (config.services.${neighbour index}.enable) [ "--neighbour" ];
        extraConfig = "neighbour ${neighbour index}";
        instances = mkIf (bitAnd index 7 == 0) { extra.workers = mkForce (index + 1); };
      };
    };

  evaluated = evalModules {
    modules = concatMap (index: [
      (declare index)
      (define index)
      (override index)
    ]) (genList (index: index) services);
  };

  describe =
    options:
    if options._type or null == "option" then
      [
        {
          name = concatStringsSep "." options.path;
          type = options.type.name;
          changed = options.isDefined;
        }
      ]
    else
      concatMap describe (builtins.attrValues options);
  manual = describe evaluated.options;

  rendered = mapAttrs (_: service: toJSON service) evaluated.config.services;
in
{
  options = length manual;
  changed = length (filter (option: option.changed) manual);
  manual = hashString "sha256" (toJSON manual);
  enabled = length (filter (service: service.enable) (builtins.attrValues evaluated.config.services));
  digest = hashString "sha256" (concatStringsSep "\n" (builtins.attrValues rendered));
  sample = evaluated.config.services.service-8;
}
