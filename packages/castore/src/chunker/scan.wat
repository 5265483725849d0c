;; The loop of FastCDC 2020, a byte at a time: cut.ts has the rest of it. `npm run wasm` makes scan.gen.ts of this.
;;
;; One page of memory: the gear table, 256 numbers of 64 bits, then the bytes to look at.
(module
  (memory (export "memory") 1 1)
  ;; Carried from one call to the next; `reset` begins a chunk.
  (global $hash (mut i64) (i64.const 0))
  (func (export "reset")
    (global.set $hash (i64.const 0)))

  ;; The address of the first byte in [from, to) after which the hash has none of the mask's bits, or `to`.
  ;; `to - from` is even.
  (func (export "scan") (param $from i32) (param $to i32) (param $mask i64) (result i32)
    (local $hash i64)
    (local $next i64)
    (local.set $hash (global.get $hash))
    (block $end
      (loop $pair
        (br_if $end (i32.ge_u (local.get $from) (local.get $to)))
        (local.set $next
          (i64.add
            (i64.shl (local.get $hash) (i64.const 1))
            (i64.load (i32.shl (i32.load8_u (local.get $from)) (i32.const 3)))))
        (br_if $end (i64.eqz (i64.and (local.get $next) (local.get $mask))))
        (local.set $hash
          (i64.add
            (i64.shl (local.get $next) (i64.const 1))
            (i64.load (i32.shl (i32.load8_u offset=1 (local.get $from)) (i32.const 3)))))
        (if (i64.eqz (i64.and (local.get $hash) (local.get $mask)))
          (then (return (i32.add (local.get $from) (i32.const 1)))))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (br $pair)))
    (global.set $hash (local.get $hash))
    (local.get $from)))
