# What everything else is built with: a shell and its commands, a C compiler with its library, make, and an unpacker.
{ fetch }:
let
  system = "x86_64-linux";

  # The sandbox has a /bin/sh, which has the commands of busybox in it; from then on there is our own.
  busybox = derivation {
    name = "busybox";
    inherit system;
    builder = "/bin/sh";
    deb = fetch "busybox-static";
    args = [
      "-euc"
      ''
        dpkg-deb -x "$deb" unpacked
        mkdir -p "$out/bin"
        cp unpacked/bin/busybox "$out/bin/busybox"
        for applet in $("$out/bin/busybox" --list); do
          [ -e "$out/bin/$applet" ] || ln -s busybox "$out/bin/$applet"
        done
      ''
    ];
  };

  run =
    name: env: script:
    derivation (
      {
        inherit name system;
        builder = "${busybox}/bin/sh";
        args = [ "-euc" script ];
        PATH = "${busybox}/bin";
      }
      // env
    );

  # tcc, with the library it is linked against, and musl, against which it links for us.
  debian = run "debian-tcc" { debs = map fetch [ "tcc" "libc6" "musl-dev" "linux-libc-dev" ]; } ''
    for deb in $debs; do dpkg-deb -x "$deb" "$out"; done
  '';

  cc = run "cc" { inherit busybox debian; } ''
    gnu=$debian/usr/lib/x86_64-linux-gnu
    musl=$debian/usr/lib/x86_64-linux-musl
    include=$debian/usr/include
    lib=$debian/lib/x86_64-linux-gnu
    tcc="$lib/ld-linux-x86-64.so.2 --library-path $lib $debian/usr/bin/tcc"
    mkdir -p "$out/bin"

    cat > "$out/bin/cc" <<END
    #!$busybox/bin/sh
    tcc="$tcc -B$gnu/tcc -nostdinc -isystem $gnu/tcc/include -isystem $include/x86_64-linux-musl"
    tcc="\$tcc -isystem $include -isystem $include/x86_64-linux-gnu"
    for argument do
      case \$argument in -c | -E | -S | -M | -MM | -v | -vv | --version | -dumpversion) exec \$tcc "\$@" ;; esac
    done
    exec \$tcc -static -nostdlib -L$musl $musl/crt1.o $musl/crti.o "\$@" \\
      $musl/libc.a $gnu/tcc/libtcc1.a $musl/libc.a $musl/crtn.o
    END

    # Makefiles ask for more than our librarian knows: for what it does without being asked.
    cat > "$out/bin/ar" <<END
    #!$busybox/bin/sh
    shift
    exec $tcc -ar rcs "\$@"
    END
    printf '#!%s\n' "$busybox/bin/sh" > "$out/bin/ranlib"

    # Debian's busybox has none.
    cat > "$out/bin/install" <<END
    #!$busybox/bin/sh
    set -eu
    mode=755 folders= parents=
    while [ \$# -gt 0 ]; do
      case \$1 in
        -d) folders=1 ;;
        -D) parents=1 ;;
        -m) mode=\$2; shift ;;
        -m*) mode=\''${1#-m} ;;
        -*) ;;
        *) break ;;
      esac
      shift
    done
    if [ -n "\$folders" ]; then exec mkdir -p "\$@"; fi
    for to do :; done
    [ -z "\$parents" ] || mkdir -p "\''${to%/*}"
    while [ \$# -gt 1 ]; do
      if [ -d "\$to" ]; then file=\$to/\''${1##*/}; else file=\$to; fi
      rm -f "\$file"
      cp "\$1" "\$file"
      chmod "\$mode" "\$file"
      shift
    done
    END
    chmod +x "$out"/bin/*
  '';

  untar = run "untar" { PATH = "${cc}/bin:${busybox}/bin"; } ''
    mkdir -p "$out/bin"
    cc -o "$out/bin/untar" ${./untar.c}
  '';

  # Debian leaves the generated files out of GNU make, and making them takes a make.
  make = run "make" { src = fetch "make-dfsg"; PATH = "${cc}/bin:${untar}/bin:${busybox}/bin"; } ''
    gunzip -c "$src" | untar
    cd *
    : > src/config.h
    for header in glob fnmatch; do cp "lib/$header.in.h" "lib/$header.h"; done
    set -- -DHAVE_CONFIG_H -D_GNU_SOURCE -DSTDC_HEADERS -DTIME_WITH_SYS_TIME -DRETSIGTYPE=void -DMAKE_JOBSERVER \
      -DMAKE_SYMLINKS -DFILE_TIMESTAMP_HI_RES=1 -DST_MTIM_NSEC=st_mtim.tv_nsec "-DPATH_SEPARATOR_CHAR=':'" \
      '-DMAKE_HOST="x86_64-linux-musl"' '-DPACKAGE="make"' '-DPACKAGE_NAME="make"' '-DPACKAGE_BUGREPORT=""' \
      '-DPACKAGE_URL=""' '-DSCCS_GET="get"' '-DLIBDIR="/no/lib"' '-DINCLUDEDIR="/no/include"' '-DLOCALEDIR="/no/locale"'
    version=''${PWD##*-}
    set -- "$@" "-DVERSION=\"$version\""
    for feature in ALLOCA ALLOCA_H ATEXIT CLOCK_GETTIME DECL_GETDTABLESIZE DIRENT_H DUP DUP2 FCNTL FCNTL_H FDOPEN FORK \
      GETCWD GETGROUPS GETRLIMIT GETTIMEOFDAY INTTYPES_H ISATTY LIMITS_H LOCALE_H LONG_LONG_INT LSTAT MEMORY_H MKSTEMP \
      PIPE PSELECT READLINK REALPATH SA_RESTART SETEGID SETEUID SETLINEBUF SETREGID SETREUID SETRLIMIT SETVBUF SIGACTION \
      STDINT_H STDLIB_H STPCPY STRCASECMP STRCOLL STRDUP STRINGS_H STRING_H STRNCASECMP STRNDUP STRSIGNAL SYMLINK \
      SYS_FILE_H SYS_PARAM_H SYS_RESOURCE_H SYS_SELECT_H SYS_SOCKET_H SYS_STAT_H SYS_TIME_H SYS_TYPES_H SYS_WAIT_H \
      TTYNAME UINTMAX_T UMASK UNISTD_H UNSIGNED_LONG_LONG_INT VFORK WAIT3 WAITPID
    do set -- "$@" "-DHAVE_$feature"; done
    for part in ar arscan commands default dir expand file function getopt getopt1 guile hash implicit job load loadapi main \
      misc output posixos read remake remote-stub rule signame strcache variable version vpath
    do set -- "$@" "src/$part.c"; done
    mkdir -p "$out/bin"
    cc -Isrc -Ilib -o "$out/bin/make" "$@" lib/glob.c lib/fnmatch.c
  '';
in
{
  inherit
    system
    busybox
    debian
    cc
    untar
    make
    ;
}
