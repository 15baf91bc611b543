class Fused(Module):
  __parameters__ = []
  __buffers__ = []
  def forward(self: __torch__.Fused,
      x: Tensor,
      weight: Tensor,
      bias: Tensor) -> Tensor:
    return ops.mkldnn._linear_pointwise(x, weight, bias, "none", annotate(List[Optional[number]], []), "")
  def with_gelu(self: __torch__.Fused,
      x: Tensor,
      weight: Tensor,
      bias: Tensor,
      approximation: str) -> Tensor:
    return ops.mkldnn._linear_pointwise(x, weight, bias, "gelu", annotate(List[Optional[number]], []), approximation)
  def with_sum(self: __torch__.Fused,
      x: Tensor,
      weight: Tensor,
      bias: Tensor,
      other: Tensor) -> Tensor:
    return ops.mkldnn._linear_pointwise(x, other, weight, bias, "add")
  def quantized(self: __torch__.Fused,
      x: Tensor,
      step: float,
      zero: int,
      weight: Tensor,
      scale: Tensor,
      zero_point: Tensor,
      bias: Tensor,
      after: str,
      approximation: str) -> Tensor:
    return ops.onednn.qlinear_pointwise(x, step, zero, weight, scale, zero_point, bias, 1., 0, 15, after, annotate(List[Optional[number]], []), approximation)
  def pack_quantized(self: __torch__.Fused,
      weight: Tensor) -> Tensor:
    return ops.onednn.qlinear_prepack(weight, None)
  def pack(self: __torch__.Fused,
      weight: Tensor,
      rows: int) -> Tensor:
    return ops.mkldnn._reorder_linear_weight(weight, rows)
