;; The loop of FastCDC 2020: cut.ts has the rest of it. `npm run wasm` makes scan.gen.ts of this.
;;
;; One page of memory: at 0 the gear table, 256 numbers of 64 bits, at 2048 the same shifted left by one, at 4096 the bytes
;; to look at.
(module
  (memory (export "memory") 1 1)
  ;; Carried from one call to the next; `reset` begins a chunk.
  (global $hash (mut i64) (i64.const 0))
  (func (export "reset")
    (global.set $hash (i64.const 0)))

  ;; The address of the first byte in [from, to) after which the hash has none of the mask's bits, or `to`.
  ;; `to - from` is even.
  ;;
  ;; Two bytes at a time: what one adds is doubled beforehand, and so is the mask that it is tested with. That way the hash
  ;; waits for one shift and one addition a pair, which is 1.3 times as fast as byte by byte.
  (func (export "scan") (param $from i32) (param $to i32) (param $mask i64) (result i32)
    (local $hash i64)
    (local $shifted i64)
    (local $first i64)
    (local $mask2 i64)
    (local.set $hash (global.get $hash))
    (local.set $mask2 (i64.shl (local.get $mask) (i64.const 1)))
    (block $end
      (loop $pair
        (br_if $end (i32.ge_u (local.get $from) (local.get $to)))
        (local.set $shifted (i64.shl (local.get $hash) (i64.const 2)))
        (local.set $first (i64.load offset=2048 (i32.shl (i32.load8_u (local.get $from)) (i32.const 3))))
        (local.set $hash
          (i64.add
            (local.get $shifted)
            (i64.add
              (local.get $first)
              (i64.load (i32.shl (i32.load8_u offset=1 (local.get $from)) (i32.const 3))))))
        (br_if $end (i64.eqz (i64.and (i64.add (local.get $shifted) (local.get $first)) (local.get $mask2))))
        (if (i64.eqz (i64.and (local.get $hash) (local.get $mask)))
          (then (return (i32.add (local.get $from) (i32.const 1)))))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (br $pair)))
    (global.set $hash (local.get $hash))
    (local.get $from)))
