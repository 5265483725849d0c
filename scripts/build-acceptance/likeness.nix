# What a builder finds, and what its output may be: derivations that tell of it, for two Nixes to build. `built` comes out in
# both, and the same; `failing` fails in both, with the same exit code. The shell has the programs of busybox, and no more.
let
  sh =
    name: script: more:
    derivation (
      {
        inherit name;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-c"
          script
        ];
        PATH = "/bin";
      }
      // more
    );
  # With structured attributes: the shell, which has no arrays, finds its outputs by their names.
  structured =
    name: script: more:
    sh name ''
      PATH=/bin
      for path in $(grep -o "/nix/store/[a-z0-9]*-${name}[a-z-]*" $NIX_ATTRS_SH_FILE | sort -u); do
        case $path in *-dev) dev=$path ;; *) out=$path ;; esac
      done
      ${script}
    '' ({ __structuredAttrs = true; } // more);
  fixed =
    name: script: algorithm: text: mode: more:
    sh name script (
      {
        outputHash = builtins.hashString algorithm text;
        outputHashAlgo = algorithm;
        outputHashMode = mode;
      }
      // more
    );
  says = words: sh "says" "echo ${words} > $out";
  buildenv =
    derivations:
    derivation {
      name = "profile";
      system = "builtin";
      builder = "builtin:buildenv";
      manifest = dependency;
      inherit derivations;
    };
  dependency = sh "dependency" "echo dependency > $out" { };
  indirect = sh "indirect" "echo ${dependency} > $out" { };
  script = sh "script" ''
    mkdir $out
    echo '#!/bin/sh -e' > $out/run
    echo 'echo "$0" > $out; tr "\\0" "|" < /proc/$$/cmdline >> $out' >> $out/run
    chmod +x $out/run
  '' { };
  package =
    name: script:
    sh name ''
      mkdir $out
      cd $out
      ${script}
    '' { };
  one = package "one" "mkdir bin lib64 share; echo > bin/a; echo > lib64/x; ln -s lib64 lib; ln -s /dev/null share/mask; ln -s nowhere share/y";
  two = package "two" "mkdir -p bin lib nix-support; echo > bin/b; echo > lib/y; echo ${three} > nix-support/propagated-user-env-packages";
  three = package "three" "mkdir bin; echo > bin/a; echo > bin/c";
  four = package "four" "mkdir bin; echo > bin/a";
in
{
  built = {
    argumentZero = sh "argumentZero" ''tr '\0' '\n' < /proc/$$/cmdline > $out'' { };
    builderOfAPackage = derivation { name = "it"; system = builtins.currentSystem; builder = "${script}/run"; args = [ "x y" "" "z" ]; };
    environment = sh "environment" ''env | sort > $out'' { b = "1"; a = "2"; B = "x\ny"; e = ""; "a.b" = "1"; "x y" = "2"; "9" = "n"; TZ = "x"; SHELL = "/x"; };
    environmentInOrder = sh "order" ''tr '\0' '\n' < /proc/self/environ > $out'' { z = "1"; a = "2"; B = "3"; _x = "4"; };
    environmentOverridden = sh "overridden" ''env | sort > $out'' { NIX_STORE = "foo"; NIX_BUILD_TOP = "bar"; HOME = "/x"; TMPDIR = "/y"; NIX_LOG_FD = "7"; TERM = "dumb"; NIX_BUILD_CORES = "99"; PWD = "/q"; NIX_OUTPUT_CHECKED = "2"; };
    coerced = sh "coerced" ''echo "$x" > $out'' { x = [ "a" dependency 1 true null [ "b" ] ]; };
    user = sh "user" ''id > $out; cat /etc/passwd /etc/group /etc/hosts >> $out; hostname >> $out; cut -c1-20 /proc/self/uid_map >> $out'' { };
    files = sh "files" ''umask > $out; touch f; mkdir d; stat -c '%a %n' f d . /tmp /build /nix/store >> $out; readlink /proc/self/fd/0 >> $out; cat >> $out; ls /proc/$$/fd >> $out'' { };
    places = sh "places" ''ls -A / /etc /tmp /build /nix >> $out; pwd >> $out; for i in fd stdin stdout stderr; do readlink /dev/$i >> $out; done'' { };
    devices = sh "devices" ''head -c 4 /dev/urandom | wc -c > $out; echo x > /dev/full || echo full >> $out; echo x > /dev/shm/y; cat /dev/shm/y >> $out; (: < /dev/tty) 2>> $out; true'' { };
    network = sh "network" ''cut -d: -f1 /proc/net/dev | tail -n +3 > $out; ip addr | grep inet | sort >> $out; ip route >> $out'' { };
    privileges = sh "privileges" ''grep -E '^(CapEff|CapPrm|CapInh|NoNewPrivs|Sig(Ign|Blk))' /proc/self/status > $out'' { };
    limits = sh "limits" ''ulimit -c > $out; ulimit -s >> $out; cat /proc/self/personality >> $out; uname -sn >> $out'' { };
    inputsReadOnly = sh "inputs" ''(echo x > ${dependency}) 2>/dev/null || echo refused > $out; stat -c '%a %Y %h' ${dependency} >> $out; ls -A /nix/store | wc -l >> $out'' { };
    permissions = package "permissions" ''for m in 000 100 010 001 111 222 400 555 640 711 777; do echo $m > $m; chmod $m $m; done; mkdir d; chmod 0 d'';
    links = package "links" ''echo a > a; ln a b; ln -s a c; ln c d; ln -s ${dependency} e; ln -s $out/a f; ln -s /nope g'';
    names = package "names" ''touch a A $(printf '\377') "$(printf 'a\nb')" $(printf '%0255d' 0)'';
    times = package "times" ''touch -d @5000000000 new; touch -d @1 old; ln -s new l'';
    extended = package "extended" ''(setfattr -n user.x -v 1 .) 2>/dev/null; true'';
    device = package "device" ''(mknod n c 1 3) 2>/dev/null; true'';
    setuid = sh "setuid" ''cp /bin/sh $out; chmod 4755 $out 2>/dev/null; stat -c %a $out > x; cat x > $out'' { };
    outputIsLink = sh "link" ''ln -s ${dependency} $out'' { };
    outputLeadsToItself = sh "itself" ''ln -s $out/x $out'' { };
    others = sh "others" ''echo 1 > $out; echo 2 > /nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-junk'' { };
    background = sh "background" ''(while :; do :; done) & echo > $out'' { };
    twoOutputs = sh "two-outputs" ''mkdir $out $dev; echo $dev > $out/a'' { outputs = [ "out" "dev" ]; };
    placeholders = sh "placeholders" ''echo $x $out > $out'' { x = builtins.placeholder "out"; };
    referencesSplit = sh "split" ''printf ${builtins.substring 11 16 dependency.outPath} > $out; echo ${builtins.substring 27 200 dependency.outPath} >> $out'' { };
    referencesInNames = sh "in-names" ''mkdir -p $out/${builtins.substring 11 40 dependency.outPath}'' { };
    referencesPacked = sh "packed" ''echo ${dependency} | gzip -n > $out'' { };
    referencesUnknown = sh "unknown" ''echo ${builtins.unsafeDiscardStringContext dependency.outPath} > $out'' { };
    copied = sh "copied" ''cp -a ${indirect} $out'' { };
    phases = sh "phases" ''echo '@nix { "action": "setPhase", "phase": "x" }' >&$NIX_LOG_FD; echo > $out'' { };
    allowedNone = says "x" { allowedReferences = [ ]; };
    allowedDependency = says "${dependency}" { allowedReferences = [ dependency ]; };
    allowedItself = says "$out" { allowedReferences = [ "out" ]; };
    allowedText = says "${indirect}" { allowedReferences = "${indirect}"; };
    allowedRequisites = says "${indirect}" { allowedRequisites = [ indirect dependency ]; };
    allowedRequisitesAndItself = says "$out ${dependency}" { allowedRequisites = [ dependency "out" ]; };
    requisitesButItself = says "$out ${dependency}" { allowedRequisites = [ dependency ]; };
    disallowedIndirect = says "${indirect}" { disallowedReferences = [ dependency ]; };
    disallowedRequisitesItself = says "$out" { disallowedRequisites = [ "out" ]; };
    graph = sh "graph" ''cat g h > $out; ls -l g | cut -c1-10 >> $out'' { exportReferencesGraph = [ "g" indirect "h" "${indirect}/below" ]; };
    graphOfDerivation = sh "graph" ''cat g > $out'' { exportReferencesGraph = [ "g" indirect.drvPath ]; };
    passAsFile = sh "pass" ''ls -lA . | tr -s ' ' | cut -d' ' -f1,3,4,5,9- > $out; cat $bigPath $pPath >> $out; echo ${"$"}{big-unset} >> $out; env | grep Path >> $out'' { big = "hello\n"; p = builtins.placeholder "out"; empty = ""; passAsFile = [ "big" "p" "empty" "absent" ]; };
    structuredFiles = structured "files" ''cat .attrs.json .attrs.sh > $out; ls -lA . | tr -s ' ' | cut -d' ' -f1,3,4,5,9- >> $out; env | sort | grep -v '^_=' >> $out; echo > $dev'' { outputs = [ "out" "dev" ]; x = dependency; y = [ dependency indirect ]; z = { inherit dependency; }; big = 9223372036854775807; neg = -1; f1 = 0.1; f2 = 1.0e300; f3 = 100000.0; f4 = 1.0e-7; n = null; t = true; text = "a\nb\tc\\d\"e\r'é"; e = ""; "a b" = 1; "1x" = 2; PATH = "x"; nested = { a = { b = [ 1 { } ]; }; }; list = [ { } [ ] ]; list2 = [ "a" null true false 1 ]; list3 = [ 1.5 ]; object = { "k'v" = "v'k"; n = null; t = true; f = false; }; none = [ ]; no = { }; };
    structuredGraphs = structured "graphs" ''cat .attrs.json > $out'' { exportReferencesGraph = { g = [ indirect dependency ]; h = dependency; "i j" = [ indirect.drvPath ]; }; };
    structuredPlaceholders = structured "placeholders" ''cat .attrs.json .attrs.sh > $out'' { p = builtins.placeholder "out"; q = [ (builtins.placeholder "out") ]; };
    structuredDiscard = structured "discard" ''echo ${dependency} $out > $out; echo $out > $dev'' { outputs = [ "out" "dev" ]; unsafeDiscardReferences.out = true; };
    structuredChecks = structured "checks" ''echo ${dependency} $out > $out; echo $out > $dev'' { outputs = [ "out" "dev" ]; outputChecks.dev = { allowedRequisites = [ "out" dependency "dev" ]; maxSize = 1000; maxClosureSize = 2000; }; outputChecks.out.disallowedReferences = [ "dev" ]; outputChecks.absent.maxSize = 1; allowedReferences = [ ]; };
    fixed_md5 = fixed "fixed" "echo hi > $out" "md5" "hi\n" "flat" { };
    fixed_sha1 = fixed "fixed" "echo hi > $out" "sha1" "hi\n" "flat" { };
    fixed_sha256 = fixed "fixed" "echo hi > $out" "sha256" "hi\n" "flat" { };
    fixed_sha512 = fixed "fixed" "echo hi > $out" "sha512" "hi\n" "flat" { };
    fixedVariables = fixed "fixed" "echo $LIKENESS $ABSENT $NIX_OUTPUT_CHECKED > $out" "sha256" "from outside 1\n" "flat" { impureEnvVars = [ "LIKENESS" "ABSENT" ]; LIKENESS = "from inside"; };
    notFixedVariables = sh "not-fixed" ''echo $LIKENESS > $out'' { impureEnvVars = [ "LIKENESS" ]; };
    features = sh "features" ''echo > $out'' { requiredSystemFeatures = [ "big-parallel" "benchmark" "nixos-test" ]; preferLocalBuild = true; allowSubstitutes = false; };
    profile = buildenv [ "true" "5" "1" one "true" "6" "1" two "false" "1" "1" four ];
    profileOfOne = buildenv [ "true" "5" "2" one dependency ];
    profileReplaced = buildenv [ "true" "2000" "2" one two ];
  };
  failing = {
    exitStatus = sh "status" ''echo > $out; exit 3'' { };
    noOutput = sh "nothing" ''true'' { };
    oneOutputMissing = sh "missing" ''echo > $out'' { outputs = [ "out" "dev" ]; };
    cycle = sh "cycle" ''echo $dev > $out; echo $out > $dev'' { outputs = [ "out" "dev" ]; };
    fifo = sh "fifo" ''mkfifo $out'' { };
    fifoInside = package "fifo" "mkfifo f";
    groupMayWrite = sh "group" ''mkdir $out; chmod 775 $out'' { };
    allMayWrite = sh "all" ''echo > $out; chmod 666 $out'' { };
    allowedNone = says "${dependency}" { allowedReferences = [ ]; };
    allowedNotItself = says "$out" { allowedReferences = [ ]; };
    allowedUnknown = says "${dependency}" { allowedReferences = [ "nonsense" ]; };
    allowedRequisites = says "${indirect}" { allowedRequisites = [ indirect ]; };
    disallowedReferences = says "${indirect}" { disallowedReferences = [ indirect ]; };
    disallowedItself = says "$out" { disallowedReferences = [ "out" ]; };
    disallowedRequisites = says "${indirect}" { disallowedRequisites = [ dependency ]; };
    maxSize = structured "checked" ''echo ${indirect} > $out'' { outputChecks.out = { maxSize = 10; }; };
    maxClosureSize = structured "checked" ''echo ${indirect} > $out'' { outputChecks.out = { maxClosureSize = 200; }; };
    structuredReferences = structured "checked" ''echo ${indirect} > $out'' { outputChecks.out = { allowedReferences = [ ]; }; };
    structuredRequisites = structured "checked" ''echo ${indirect} > $out'' { outputChecks.out = { disallowedRequisites = [ dependency ]; }; };
    maxSizeOfText = structured "checked" ''echo ${indirect} > $out'' { outputChecks.out = { maxSize = "10"; }; };
    referencesOfText = structured "checked" ''echo ${indirect} > $out'' { outputChecks.out = { allowedReferences = "x"; }; };
    checksOfNumber = structured "checked" ''echo > $out'' { outputChecks.out = 1; };
    graphOfNothing = sh "graph" ''cat g > $out'' { exportReferencesGraph = [ "g" "/nope" ]; };
    graphOdd = sh "graph" ''cat g > $out'' { exportReferencesGraph = [ "g" ]; };
    graphUpwards = sh "graph" ''cat g > $out'' { exportReferencesGraph = [ "../g" dependency ]; };
    otherHash = fixed "refused" "echo bye > $out" "sha256" "hi\n" "flat" { };
    otherHashRecursive = fixed "refused" "mkdir $out" "sha1" "hi\n" "recursive" { };
    flatFolder = fixed "refused" "mkdir $out" "sha256" "hi\n" "flat" { };
    flatProgram = fixed "refused" "echo hi > $out; chmod +x $out" "sha256" "hi\n" "flat" { };
    flatLink = fixed "refused" "ln -s /x $out" "sha256" "hi\n" "flat" { };
    fixedReferences = fixed "refused" "echo ${dependency} > $out" "sha256" "x" "flat" { };
    fixedFails = fixed "refused" "exit 1" "sha256" "x" "flat" { };
    noProgram = derivation { name = "it"; system = builtins.currentSystem; builder = "/nope"; };
    folderAsProgram = derivation { name = "it"; system = builtins.currentSystem; builder = "/bin"; };
    textAsProgram = derivation { name = "it"; system = builtins.currentSystem; builder = builtins.toFile "b" "echo > $out"; };
    relativeProgram = derivation { name = "it"; system = builtins.currentSystem; builder = "sh"; };
    unknownBuiltin = derivation { name = "it"; system = builtins.currentSystem; builder = "builtin:nope"; };
    otherSystem = sh "system" ''true'' { system = "sparc-solaris"; };
    otherFeatures = sh "features" ''true'' { requiredSystemFeatures = [ "nope" ]; };
    profileConflict = buildenv [ "true" "5" "2" one four ];
    profileOfNothing = buildenv [ "true" "5" "1" "/nowhere" ];
  };
}
