# Two derivations that need nothing but the sandbox's /bin/sh: `bin/tvix build examples/greeting.nix`.
{
  system ? builtins.currentSystem,
  whom ? "world",
}:
let
  shell =
    name: script: attributes:
    derivation (
      {
        inherit name system;
        builder = "/bin/sh";
        args = [ "-euc" script ];
      }
      // attributes
    );
  words = shell "words" "echo hello, $whom > $out" { inherit whom; };
in
{
  inherit words;

  greeting = shell "greeting" ''
    echo "writing a program that reads $words"
    mkdir -p $out/bin
    printf '#!/bin/sh\nexec cat %s\n' $words > $out/bin/greeting
    chmod +x $out/bin/greeting
  '' { inherit words; };

  # Something else each time, on purpose.
  clock = shell "clock" ''
    mkdir $out
    echo always the same > $out/words
    read now rest < /proc/uptime
    echo $now > $out/time
  '' { };

  # Fails on purpose.
  broken = shell "broken" "echo no luck; exit 7" { };
}
