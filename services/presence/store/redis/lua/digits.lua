-- Writes numbers out. Within a call the same ones come again and again: moments, and orders that are versions, too.
--
-- Gives: digits_of

local digits = {}

local function digits_of(integer)
  local text = digits[integer]
  if not text then
    text = string.format('%d', integer)
    digits[integer] = text
  end
  return text
end
