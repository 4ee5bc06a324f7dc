;; The products that nearly all of the time goes to, with 128-bit SIMD (WebAssembly SIMD, phase 5).
;; All addresses, strides and sizes are in bytes; those of vectors are multiples of 16.
(module
  (import "js" "memory" (memory 1))

  ;; y[r] = x[r] W + b for every row r, four vectors of four outputs at a time.
  ;; W is packed: for each block of 16 outputs its 16 columns, [blocks, inputs, 16]. b is [blocks * 16].
  (func (export "linear")
    (param $x i32) (param $weight i32) (param $bias i32) (param $y i32)
    (param $rows i32) (param $inputs i32) (param $blocks i32)
    (local $block i32) (local $row i32) (local $w i32) (local $from i32) (local $end i32) (local $to i32)
    (local $width i32) (local $stride i32) (local $v v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
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
        (v128.store (local.get $to) (local.get $a))
        (v128.store offset=16 (local.get $to) (local.get $b))
        (v128.store offset=32 (local.get $to) (local.get $c))
        (v128.store offset=48 (local.get $to) (local.get $d))
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
      (local.set $a (f32x4.add (local.get $a) (local.get $b)))
      (f32.store
        (local.get $y)
        (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
          (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (local.set $ids (i32.add (local.get $ids) (i32.const 4)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $ids_left (local.get $count))))
  ;; y[h, s] = q[h] . K[s, h] for every head h and row s of K, four elements at a time. q and rows of K are D = H E wide.
  (func (export "scores")
    (param $q i32) (param $keys i32) (param $y i32) (param $rows i32) (param $heads i32) (param $size i32)
    (local $stride i32) (local $row i32) (local $key i32) (local $from i32) (local $end i32) (local $a v128)
    (local.set $stride (i32.mul (local.get $heads) (local.get $size)))
    (loop $heads_left
      (local.set $end (i32.add (local.get $q) (local.get $size)))
      (local.set $row (i32.const 0))
      (loop $rows_left
        (local.set $from (local.get $q))
        (local.set $key (i32.add (local.get $keys) (i32.mul (local.get $row) (local.get $stride))))
        (local.set $a (v128.const f32x4 0 0 0 0))
        (loop $elements_left
          (local.set $a
            (f32x4.add (local.get $a) (f32x4.mul (v128.load (local.get $from)) (v128.load (local.get $key)))))
          (local.set $key (i32.add (local.get $key) (i32.const 16)))
          (local.set $from (i32.add (local.get $from) (i32.const 16)))
          (br_if $elements_left (i32.lt_u (local.get $from) (local.get $end))))
        (f32.store
          (local.get $y)
          (f32.add
            (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
            (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
        (local.set $y (i32.add (local.get $y) (i32.const 4)))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br_if $rows_left (i32.lt_u (local.get $row) (local.get $rows))))
      (local.set $q (local.get $end))
      (local.set $keys (i32.add (local.get $keys) (local.get $size)))
      (local.set $heads (i32.sub (local.get $heads) (i32.const 1)))
      (br_if $heads_left (local.get $heads))))

  ;; y[h] = sum over s of w[h, s] V[s, h] for every head h, four elements at a time. y and rows of V are D = H E wide.
  (func (export "mix")
    (param $w i32) (param $values i32) (param $y i32) (param $rows i32) (param $heads i32) (param $size i32)
    (local $stride i32) (local $end i32) (local $from i32) (local $last i32) (local $value i32) (local $a v128)
    (local.set $stride (i32.mul (local.get $heads) (local.get $size)))
    (loop $heads_left
      (local.set $end (i32.add (local.get $y) (local.get $size)))
      (local.set $last (i32.add (local.get $w) (i32.shl (local.get $rows) (i32.const 2))))
      (loop $elements_left
        (local.set $from (local.get $w))
        (local.set $value (local.get $values))
        (local.set $a (v128.const f32x4 0 0 0 0))
        (loop $rows_left
          (local.set $a
            (f32x4.add
              (local.get $a)
              (f32x4.mul (v128.load32_splat (local.get $from)) (v128.load (local.get $value)))))
          (local.set $value (i32.add (local.get $value) (local.get $stride)))
          (local.set $from (i32.add (local.get $from) (i32.const 4)))
          (br_if $rows_left (i32.lt_u (local.get $from) (local.get $last))))
        (v128.store (local.get $y) (local.get $a))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (local.set $values (i32.add (local.get $values) (i32.const 16)))
        (br_if $elements_left (i32.lt_u (local.get $y) (local.get $end))))
      (local.set $w (local.get $last))
      (local.set $heads (i32.sub (local.get $heads) (i32.const 1)))
      (br_if $heads_left (local.get $heads)))))
