# A small package set that starts from almost nothing: a busybox and a C compiler as Debian ships them, both as files whose
# hashes are known, and the sources of a dozen programs. Everything is linked statically, against musl.
#
#   node examples/packages/fetch.mjs /tmp/sources
#   bin/tvix build examples/packages --argstr sources /tmp/sources -A hello && ./result/bin/hello
{ sources }:
let
  toolchain = import ./toolchain.nix { inherit fetch; };
  inherit (toolchain) busybox cc untar make;

  # What fetch.mjs has put there, by name.
  index = builtins.fromJSON (builtins.readFile (sources + "/index.json"));

  fetch =
    name:
    import <nix/fetchurl.nix> {
      name = index.${name}.as;
      url = "file://${toString sources}/${index.${name}.file}";
      sha256 = index.${name}.sha256;
    };

  # Unpacks the source of a Debian package, and runs `script` in it.
  build =
    { package, name ? package, script, inputs ? [ ] }:
    derivation {
      inherit name;
      inherit (toolchain) system;
      builder = "${busybox}/bin/sh";
      args = [ "-euc" (unpack + script) ];
      src = fetch package;
      PATH = builtins.concatStringsSep ":" (map (input: "${input}/bin") (inputs ++ [ make cc untar busybox ]));
      # By their paths: busybox has an ar of its own, and its shell takes that first.
      CC = "${cc}/bin/cc";
      LD = "${cc}/bin/cc";
      AR = "${cc}/bin/ar";
      RANLIB = "${cc}/bin/ranlib";
      CONFIG_SHELL = "${busybox}/bin/sh";
    };
  unpack = ''
    mkdir source
    cd source
    case $src in
      *.xz) unxz -c "$src" ;;
      *.bz2) bunzip2 -c "$src" ;;
      *) gunzip -c "$src" ;;
    esac | untar
    cd *
  '';

  # The way of most GNU programs.
  configured =
    args:
    build (
      args
      // {
        script = ''
          ./configure --prefix="$out" --build=x86_64-linux-musl --disable-dependency-tracking --disable-nls || {
            grep -B 8 error: config.log
            exit 1
          }
          make -j"$NIX_BUILD_CORES" SHELL="$CONFIG_SHELL"
          make install SHELL="$CONFIG_SHELL"
        '';
      }
    );
in
rec {
  inherit (toolchain) busybox debian cc untar make;

  hello = configured { package = "hello"; };
  sed = configured { package = "sed"; };
  gzip = configured { package = "gzip"; };
  m4 = configured { package = "m4"; };
  mawk = configured { package = "mawk"; };

  zlib = build {
    package = "zlib";
    script = ''
      ./configure --prefix="$out" --static
      make libz.a ARFLAGS=rc
      make install
    '';
  };

  # Says what is in PNG files, which are compressed as zlib does it.
  pngcheck = build {
    package = "pngcheck";
    inputs = [ zlib ];
    script = ''
      mkdir -p "$out/bin"
      cc -O -DUSE_ZLIB -I${zlib}/include -o "$out/bin/pngcheck" pngcheck.c ${zlib}/lib/libz.a
    '';
  };

  lua = build {
    package = "lua5.4";
    name = "lua";
    script = ''
      make -C src lua luac CC="$CC" AR="$AR rcu" RANLIB="$RANLIB" MYCFLAGS=-DLUA_USE_POSIX SYSLIBS= MYLIBS=
      make install INSTALL_TOP="$out"
    '';
  };

  bzip2 = build {
    package = "bzip2";
    script = ''
      make bzip2 bzip2recover CC="$CC" AR="$AR" RANLIB="$RANLIB"
      make install CC="$CC" AR="$AR" RANLIB="$RANLIB" PREFIX="$out"
    '';
  };

  tree = build {
    package = "tree";
    script = ''
      make CC="$CC" CFLAGS=-O LDFLAGS=
      make install CC="$CC" PREFIX="$out" MANDIR="$out/share/man"
    '';
  };

  ncompress = build {
    package = "ncompress";
    script = ''
      make CC="$CC"
      make install CC="$CC" PREFIX="$out"
    '';
  };

  # A text that programs above have made, to see that they run: and the greeting of this repository.
  greeting = derivation {
    name = "greeting";
    inherit (toolchain) system;
    builder = "${lua}/bin/lua";
    args = [ ./greeting.lua ];
    programs = [ "${hello}/bin/hello" "${sed}/bin/sed" ];
  };
}
