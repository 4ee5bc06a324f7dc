;; The products that nearly all of the time goes to, and what stands between them, with 128-bit SIMD (WebAssembly SIMD,
;; phase 5). Places are indices of floats, as in kernels.ts; the first thing that a function does is to make addresses of them.
(module
  (import "js" "memory" (memory 1))

  ;; The sum of a vector's four elements.
  (func $sum (param $a v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
      (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))

  ;; y[r] = max(floor, x[r] W + b) for every row r, four vectors of four outputs at a time.
  ;; W is packed: for each block of 16 outputs its 16 columns, [blocks, inputs, 16]. b is [blocks * 16].
  (func (export "linear")
    (param $x i32) (param $weight i32) (param $bias i32) (param $y i32)
    (param $rows i32) (param $inputs i32) (param $blocks i32) (param $floor f32)
    (local $block i32) (local $row i32) (local $w i32) (local $from i32) (local $end i32) (local $to i32)
    (local $width i32) (local $stride i32) (local $v v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $x (i32.shl (local.get $x) (i32.const 2)))
    (local.set $weight (i32.shl (local.get $weight) (i32.const 2)))
    (local.set $bias (i32.shl (local.get $bias) (i32.const 2)))
    (local.set $y (i32.shl (local.get $y) (i32.const 2)))
    (local.set $width (i32.shl (local.get $inputs) (i32.const 2)))
    (local.set $stride (i32.shl (local.get $blocks) (i32.const 6)))
    (loop $blocks_left
      (local.set $row (i32.const 0))
      (loop $rows_left
        (local.set $a (v128.load (local.get $bias)))
        (local.set $b (v128.load offset=16 (local.get $bias)))
        (local.set $c (v128.load offset=32 (local.get $bias)))
        (local.set $d (v128.load offset=48 (local.get $bias)))
        (local.set $from (i32.add (local.get $x) (i32.mul (local.get $row) (local.get $width))))
        (local.set $end (i32.add (local.get $from) (local.get $width)))
        (local.set $w (local.get $weight))
        (loop $inputs_left
          (local.set $v (v128.load32_splat (local.get $from)))
          (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $v) (v128.load (local.get $w)))))
          (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $w)))))
          (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $v) (v128.load offset=32 (local.get $w)))))
          (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $v) (v128.load offset=48 (local.get $w)))))
          (local.set $w (i32.add (local.get $w) (i32.const 64)))
          (local.set $from (i32.add (local.get $from) (i32.const 4)))
          (br_if $inputs_left (i32.lt_u (local.get $from) (local.get $end))))
        (local.set $to
          (i32.add
            (i32.add (local.get $y) (i32.shl (local.get $block) (i32.const 6)))
            (i32.mul (local.get $row) (local.get $stride))))
        (local.set $v (f32x4.splat (local.get $floor)))
        (v128.store (local.get $to) (f32x4.max (local.get $a) (local.get $v)))
        (v128.store offset=16 (local.get $to) (f32x4.max (local.get $b) (local.get $v)))
        (v128.store offset=32 (local.get $to) (f32x4.max (local.get $c) (local.get $v)))
        (v128.store offset=48 (local.get $to) (f32x4.max (local.get $d) (local.get $v)))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br_if $rows_left (i32.lt_u (local.get $row) (local.get $rows))))
      (local.set $weight (local.get $w))
      (local.set $bias (i32.add (local.get $bias) (i32.const 64)))
      (local.set $block (i32.add (local.get $block) (i32.const 1)))
      (br_if $blocks_left (i32.lt_u (local.get $block) (local.get $blocks)))))

  ;; y[k] = x . E[ids[k]] for every k, eight elements at a time. Rows of E and x are zero-filled to a multiple of 8.
  (func (export "dots")
    (param $x i32) (param $rows i32) (param $ids i32) (param $y i32) (param $count i32) (param $stride i32)
    (local $from i32) (local $end i32) (local $row i32) (local $a v128) (local $b v128)
    (local.set $x (i32.shl (local.get $x) (i32.const 2)))
    (local.set $rows (i32.shl (local.get $rows) (i32.const 2)))
    (local.set $ids (i32.shl (local.get $ids) (i32.const 2)))
    (local.set $y (i32.shl (local.get $y) (i32.const 2)))
    (local.set $stride (i32.shl (local.get $stride) (i32.const 2)))
    (local.set $end (i32.add (local.get $x) (local.get $stride)))
    (loop $ids_left
      (local.set $row (i32.add (local.get $rows) (i32.mul (i32.load (local.get $ids)) (local.get $stride))))
      (local.set $from (local.get $x))
      (local.set $a (v128.const f32x4 0 0 0 0))
      (local.set $b (v128.const f32x4 0 0 0 0))
      (loop $elements_left
        (local.set $a
          (f32x4.add (local.get $a) (f32x4.mul (v128.load (local.get $from)) (v128.load (local.get $row)))))
        (local.set $b
          (f32x4.add
            (local.get $b)
            (f32x4.mul (v128.load offset=16 (local.get $from)) (v128.load offset=16 (local.get $row)))))
        (local.set $row (i32.add (local.get $row) (i32.const 32)))
        (local.set $from (i32.add (local.get $from) (i32.const 32)))
        (br_if $elements_left (i32.lt_u (local.get $from) (local.get $end))))
      (f32.store (local.get $y) (call $sum (f32x4.add (local.get $a) (local.get $b))))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (local.set $ids (i32.add (local.get $ids) (i32.const 4)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $ids_left (local.get $count))))

  ;; y = (x - mean) / sqrt(variance + 1e-5) . weight + bias for every row, four elements at a time.
  (func (export "normalize")
    (param $x i32) (param $weight i32) (param $bias i32) (param $y i32) (param $rows i32) (param $width i32)
    (local $from i32) (local $place i32) (local $size f32) (local $v v128) (local $mean v128) (local $total v128)
    (local.set $size (f32.convert_i32_u (local.get $width)))
    (local.set $x (i32.shl (local.get $x) (i32.const 2)))
    (local.set $weight (i32.shl (local.get $weight) (i32.const 2)))
    (local.set $bias (i32.shl (local.get $bias) (i32.const 2)))
    (local.set $y (i32.shl (local.get $y) (i32.const 2)))
    (local.set $width (i32.shl (local.get $width) (i32.const 2)))
    (loop $rows_left
      (local.set $total (v128.const f32x4 0 0 0 0))
      (local.set $place (i32.const 0))
      (loop $elements_left
        (local.set $total
          (f32x4.add (local.get $total) (v128.load (i32.add (local.get $x) (local.get $place)))))
        (br_if $elements_left
          (i32.lt_u (local.tee $place (i32.add (local.get $place) (i32.const 16))) (local.get $width))))
      (local.set $mean (f32x4.splat (f32.div (call $sum (local.get $total)) (local.get $size))))
      (local.set $total (v128.const f32x4 0 0 0 0))
      (local.set $place (i32.const 0))
      (loop $elements_left
        (local.set $v
          (f32x4.sub (v128.load (i32.add (local.get $x) (local.get $place))) (local.get $mean)))
        (v128.store (i32.add (local.get $y) (local.get $place)) (local.get $v))
        (local.set $total (f32x4.add (local.get $total) (f32x4.mul (local.get $v) (local.get $v))))
        (br_if $elements_left
          (i32.lt_u (local.tee $place (i32.add (local.get $place) (i32.const 16))) (local.get $width))))
      (local.set $v
        (f32x4.splat
          (f32.sqrt
            (f32.add (f32.div (call $sum (local.get $total)) (local.get $size)) (f32.const 1e-5)))))
      (local.set $place (i32.const 0))
      (loop $elements_left
        (local.set $from (i32.add (local.get $y) (local.get $place)))
        (v128.store
          (local.get $from)
          (f32x4.add
            (f32x4.mul
              (f32x4.div (v128.load (local.get $from)) (local.get $v))
              (v128.load (i32.add (local.get $weight) (local.get $place))))
            (v128.load (i32.add (local.get $bias) (local.get $place)))))
        (br_if $elements_left
          (i32.lt_u (local.tee $place (i32.add (local.get $place) (i32.const 16))) (local.get $width))))
      (local.set $x (i32.add (local.get $x) (local.get $width)))
      (local.set $y (i32.add (local.get $y) (local.get $width)))
      (br_if $rows_left (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; For every head h: w[h, s] = softmax over s of q[h] . K[s, h] / sqrt(E), y[h] = sum over s of w[h, s] V[s, h], four
  ;; elements at a time. q, y and the rows of K and V are D = H E wide. Behind w four floats are overwritten.
  (func (export "attend")
    (param $q i32) (param $keys i32) (param $values i32) (param $w i32) (param $y i32)
    (param $rows i32) (param $heads i32) (param $size i32)
    (local $stride i32) (local $end i32) (local $last i32) (local $from i32) (local $at i32) (local $row i32)
    (local $scale f32) (local $score f32) (local $largest f32) (local $a v128) (local $n v128) (local $v v128)
    (local.set $scale (f32.div (f32.const 1) (f32.sqrt (f32.convert_i32_u (local.get $size)))))
    (local.set $q (i32.shl (local.get $q) (i32.const 2)))
    (local.set $keys (i32.shl (local.get $keys) (i32.const 2)))
    (local.set $values (i32.shl (local.get $values) (i32.const 2)))
    (local.set $w (i32.shl (local.get $w) (i32.const 2)))
    (local.set $y (i32.shl (local.get $y) (i32.const 2)))
    (local.set $rows (i32.shl (local.get $rows) (i32.const 2)))
    (local.set $size (i32.shl (local.get $size) (i32.const 2)))
    (local.set $stride (i32.mul (local.get $heads) (local.get $size)))
    (loop $heads_left
      (local.set $end (i32.add (local.get $q) (local.get $size)))
      (local.set $last (i32.add (local.get $w) (local.get $rows)))
      (local.set $row (local.get $keys))
      (local.set $at (local.get $w))
      (local.set $largest (f32.const -inf))
      (loop $rows_left
        (local.set $from (i32.const 0))
        (local.set $a (v128.const f32x4 0 0 0 0))
        (loop $elements_left
          (local.set $a
            (f32x4.add
              (local.get $a)
              (f32x4.mul
                (v128.load (i32.add (local.get $q) (local.get $from)))
                (v128.load (i32.add (local.get $row) (local.get $from))))))
          (br_if $elements_left
            (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 16))) (local.get $size))))
        (f32.store (local.get $at) (local.tee $score (f32.mul (call $sum (local.get $a)) (local.get $scale))))
        (local.set $largest (f32.max (local.get $largest) (local.get $score)))
        (local.set $row (i32.add (local.get $row) (local.get $stride)))
        (br_if $rows_left
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $last))))

      ;; the largest is subtracted, or exp would overflow; what lies behind the last is too small to count
      (v128.store (local.get $at) (f32x4.splat (f32.const -inf)))
      (local.set $at (local.get $w))
      (local.set $a (v128.const f32x4 0 0 0 0))
      (loop $rows_left
        ;; exp(x) = 2^n 2^v with whole n and |v| <= 1/2; 2^v by a polynomial, 8e-8 from it (minimax)
        (local.set $n
          (f32x4.nearest
            (local.tee $v
              (f32x4.mul
                (f32x4.max
                  (f32x4.sub (v128.load (local.get $at)) (f32x4.splat (local.get $largest)))
                  (v128.const f32x4 -87 -87 -87 -87))
                (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504)))))
        (local.set $v (f32x4.sub (local.get $v) (local.get $n)))
        (local.set $v
          (f32x4.mul
            (f32x4.add
              (v128.const f32x4 1 1 1 1)
              (f32x4.mul
                (local.get $v)
                (f32x4.add
                  (v128.const f32x4 0.69314694 0.69314694 0.69314694 0.69314694)
                  (f32x4.mul
                    (local.get $v)
                    (f32x4.add
                      (v128.const f32x4 0.2402212 0.2402212 0.2402212 0.2402212)
                      (f32x4.mul
                        (local.get $v)
                        (f32x4.add
                          (v128.const f32x4 5.550713e-2 5.550713e-2 5.550713e-2 5.550713e-2)
                          (f32x4.mul
                            (local.get $v)
                            (f32x4.add
                              (v128.const f32x4 9.675541e-3 9.675541e-3 9.675541e-3 9.675541e-3)
                              (f32x4.mul
                                (local.get $v)
                                (v128.const f32x4 1.3276472e-3 1.3276472e-3 1.3276472e-3 1.3276472e-3)))))))))))
            (i32x4.shl
              (i32x4.add (i32x4.trunc_sat_f32x4_s (local.get $n)) (v128.const i32x4 127 127 127 127))
              (i32.const 23))))
        (v128.store (local.get $at) (local.get $v))
        (local.set $a (f32x4.add (local.get $a) (local.get $v)))
        (br_if $rows_left
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $last))))
      (local.set $n (f32x4.splat (call $sum (local.get $a))))
      (local.set $at (local.get $w))
      (loop $rows_left
        (v128.store (local.get $at) (f32x4.div (v128.load (local.get $at)) (local.get $n)))
        (br_if $rows_left
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $last))))

      (loop $elements_left
        (local.set $at (local.get $w))
        (local.set $row (local.get $values))
        (local.set $a (v128.const f32x4 0 0 0 0))
        (loop $rows_left
          (local.set $a
            (f32x4.add
              (local.get $a)
              (f32x4.mul (v128.load32_splat (local.get $at)) (v128.load (local.get $row)))))
          (local.set $row (i32.add (local.get $row) (local.get $stride)))
          (br_if $rows_left
            (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $last))))
        (v128.store (local.get $y) (local.get $a))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (local.set $values (i32.add (local.get $values) (i32.const 16)))
        (br_if $elements_left
          (i32.lt_u (local.tee $q (i32.add (local.get $q) (i32.const 16))) (local.get $end))))
      (local.set $keys (i32.add (local.get $keys) (local.get $size)))
      (local.set $w (local.get $last))
      (br_if $heads_left (local.tee $heads (i32.sub (local.get $heads) (i32.const 1)))))))
