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
  def pack(self: __torch__.Fused,
      weight: Tensor,
      rows: int) -> Tensor:
    return ops.mkldnn._reorder_linear_weight(weight, rows)
