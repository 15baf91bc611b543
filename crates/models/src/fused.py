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
      weight: Tensor,
      scale: Tensor,
      zero_point: Tensor,
      bias: Tensor,
      after: str,
      approximation: str) -> Tensor:
    values = torch.to(x, 6)
    lowest, highest = torch.aminmax(values)
    low = ops.prim.min(float(lowest), 0.)
    range = torch.sub(ops.prim.max(float(highest), 0.), low)
    step = ops.prim.max(torch.div(range, 254.), 1.0000000000000001e-30)
    zero = int(torch.round(torch.div(torch.neg(low), step)))
    places = torch.add(torch.full([1], torch.add(zero, 0.5)), values, alpha=torch.div(1., step))
    integers = torch.to(torch.to(places, 3), 0)
    return ops.onednn.qlinear_pointwise(integers, step, zero, weight, scale, zero_point, bias, 1., 0, 15, after, annotate(List[Optional[number]], []), approximation)
  def pack_quantized(self: __torch__.Fused,
      weight: Tensor) -> Tensor:
    return ops.onednn.qlinear_prepack(weight, None)
  def pack(self: __torch__.Fused,
      weight: Tensor,
      rows: int) -> Tensor:
    return ops.mkldnn._reorder_linear_weight(weight, rows)
