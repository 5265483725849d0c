{ this = "files/default.nix"; }
