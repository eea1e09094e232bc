-- Raises an order until no session without connection_id of another device has it, or had it and may be revived: their
-- session_ids, and so the members of their deadlines, would be the same. Orders meet while the clock does not tell them
-- apart: see begin_us.
--
-- Needs: others, digits_of
-- Changes: order

if others ~= '' then
  local mine = digits_of(order)
  while string.find(others, '\t[gerx]?' .. mine .. '\31') do
    order = order + 1
    mine = digits_of(order)
  end
end
