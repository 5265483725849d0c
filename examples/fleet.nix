# A small fleet of machines. The inventory says which machines there are; modules say what a machine may be told
# (options), what follows from its role, and what one machine does differently. Everything else is computed: addresses,
# configuration files, who talks to whom, and what the fleet costs.
let
  inherit (builtins)
    attrNames
    attrValues
    concatStringsSep
    elemAt
    filter
    foldl'
    fromTOML
    groupBy
    hashString
    listToAttrs
    mapAttrs
    match
    sort
    substring
    ;
  inherit (import ./modules.nix)
    evalModules
    mkAfter
    mkDefault
    mkEnableOption
    mkForce
    mkIf
    mkMerge
    mkOption
    types
    ;

  sum = foldl' (total: n: total + n) 0;

  inventory = fromTOML ''
    [machines.web-1]
    cores = 4
    [machines.web-2]
    cores = 2
    [machines.db-1]
    cores = 8
    [machines.metrics-1]
    cores = 1
  '';

  # What a machine may be told.
  machineOptions = {
    options = {
      role = mkOption {
        type = types.enum [
          "web"
          "db"
          "metrics"
        ];
        description = "What the machine is for; its name begins with it.";
      };
      number = mkOption { type = types.int; };
      cores = mkOption { type = types.ints.between 1 64; };
      memory = mkOption {
        type = types.int;
        description = "In gigabytes.";
      };
      address = mkOption { type = types.str; };
      openPorts = mkOption {
        type = types.listOf types.port;
        default = [ ];
        apply = sort (a: b: a < b);
      };
      nginx = {
        enable = mkEnableOption "the web server";
        workers = mkOption { type = types.int; };
        upstreams = mkOption {
          type = types.attrsOf types.str;
          default = { };
        };
        extraConfig = mkOption {
          type = types.lines;
          default = "";
        };
      };
      postgres = {
        enable = mkEnableOption "the database";
        settings = mkOption {
          type = types.attrsOf (types.either types.int types.str);
          default = { };
        };
      };
      files = mkOption {
        type = types.attrsOf types.str;
        description = "Text by absolute path.";
      };
    };
  };

  # What follows from a machine's name, role and size, unless it says otherwise.
  defaults =
    { name, config, fleet, ... }:
    let
      parts = match "([a-z]+)-([0-9]+)" name;
      networkOf = {
        web = 10;
        db = 20;
        metrics = 30;
      };
    in
    {
      role = elemAt parts 0;
      number = builtins.fromJSON (elemAt parts 1);
      memory = mkDefault (config.cores * 4);
      address = mkDefault "10.0.${toString networkOf.${config.role}}.${toString config.number}";
      openPorts = [ 22 ];
      nginx.enable = config.role == "web";
      postgres.enable = config.role == "db";
      files."/etc/hosts" = concatStringsSep "\n" (
        map (other: "${fleet.${other}.address} ${other}") (attrNames fleet)
      );
    };

  webServer =
    { config, fleet, ... }:
    mkIf config.nginx.enable {
      openPorts = [
        443
        80
      ];
      nginx.workers = mkDefault config.cores;
      nginx.upstreams = mapAttrs (_: db: "${db.address}:5432") (
        listToAttrs (
          map (name: {
            inherit name;
            value = fleet.${name};
          }) (filter (name: fleet.${name}.postgres.enable) (attrNames fleet))
        )
      );
      files."/etc/nginx/nginx.conf" = ''
        worker_processes ${toString config.nginx.workers};
        ${concatStringsSep "\n" (
          map (name: "upstream ${name} { server ${config.nginx.upstreams.${name}}; }") (attrNames config.nginx.upstreams)
        )}
        ${config.nginx.extraConfig}
      '';
    };

  database =
    { config, ... }:
    mkIf config.postgres.enable {
      openPorts = [ 5432 ];
      postgres.settings = {
        shared_buffers = mkDefault "${toString (config.memory / 4)}GB";
        max_connections = 25 * config.cores;
      };
      files."/etc/postgresql.conf" = concatStringsSep "\n" (
        attrValues (mapAttrs (name: value: "${name} = ${toString value}") config.postgres.settings)
      );
    };

  # What single machines do differently.
  exceptions =
    { name, ... }:
    mkMerge [
      (mkIf (name == "web-2") {
        nginx.workers = mkForce 1;
        nginx.extraConfig = mkAfter "# a canary: takes little traffic";
      })
      (mkIf (name == "db-1") { memory = 64; })
    ];

  fleet = mapAttrs (
    name: facts:
    (evalModules {
      args = {
        inherit name fleet;
      };
      modules = [
        machineOptions
        defaults
        webServer
        database
        exceptions
        facts
      ];
    }).config
  ) inventory.machines;

  machines = mapAttrs (_: machine: {
    inherit (machine)
      address
      cores
      memory
      openPorts
      files
      ;
  }) fleet;
in
{
  inherit machines;
  summary = {
    byRole = mapAttrs (_: map (machine: machine.address)) (groupBy (machine: machine.role) (attrValues fleet));
    cores = sum (map (machine: machine.cores) (attrValues fleet));
    memory = sum (map (machine: machine.memory) (attrValues fleet));
    # Two evaluations of one configuration have one fingerprint.
    fingerprint = substring 0 12 (hashString "sha256" (builtins.toJSON machines));
    evaluatedBy = "Nix ${builtins.nixVersion}";
  };
}
