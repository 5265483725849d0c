# A package set in small: a library, a program that needs it, and a tool for those who work on them. Nothing of it has to
# be built to be looked at.
{ system ? "x86_64-linux", version ? "2.1" }:
let
  package =
    attributes:
    derivation (
      {
        inherit system;
        builder = "/bin/sh";
        args = [ "-e" ./build.sh ];
      }
      // attributes
    );
in
rec {
  squares = package {
    name = "squares-${version}";
    outputs = [ "out" "dev" ];
    src = builtins.toFile "squares.c" "int square(int n) { return n * n; }\n";
  };

  calculator = package {
    name = "calculator-1.0";
    needs = [ squares.dev ];
    src = builtins.toFile "main.c" "int square(int); int main() { return square(3) - 9; }\n";
  };

  tools = {
    recurseForDerivations = true;
    formatter = package { name = "formatter-0.3"; };
  };
}
