-- What the pages of the site have beside what pandoc gives them, in Quarto and in docsite alike.
--
-- Sections get their numbers, equations with a number their addresses; "(G3)" in prose becomes a link
-- to the equation; tables are as wide as what they hold. cells.py puts what this needs to know into
-- the front matter: chapter, equation-anchors (tag -> identifier, on this page) and equation-links
-- (number -> address, on any page).

if not FORMAT:match("html") then return {} end  -- README.md is plain

local anchors, links, chapter = {}, {}, nil
local counts = {}  -- how many sections of each level there were, within the one above

local function texts(meta)
  local result = {}
  for key, value in pairs(meta or {}) do result[key] = pandoc.utils.stringify(value) end
  return result
end

local function read(meta)
  anchors, links = texts(meta["equation-anchors"]), texts(meta["equation-links"])
  chapter = meta.chapter and pandoc.utils.stringify(meta.chapter)
end

-- A chapter starts with sections of the second level: 6.1, 6.2
local function Header(header)
  if not chapter or header.level < 2 or header.classes:includes("unnumbered") then return nil end
  counts[header.level] = (counts[header.level] or 0) + 1
  for level = header.level + 1, 6 do counts[level] = nil end
  local number = chapter
  for level = 2, header.level do number = number .. "." .. (counts[level] or 0) end
  header.content:insert(1, pandoc.Space())
  header.content:insert(1, pandoc.Span({pandoc.Str(number)}, {class = "header-section-number"}))
  return header
end

-- $$ ... \tag{x} $$: an equation with a number of its own
local function Math(math)
  local id = anchors[math.text:match("\\tag{([^}]*)}")]
  if id then return pandoc.Span({math}, {id = id, class = "tagged"}) end
end

-- pandoc gives all columns one width when a line is long: then the browser does better
local function Table(tbl)
  local first = tbl.colspecs[1][2]
  for _, spec in ipairs(tbl.colspecs) do
    if spec[2] ~= first then return nil end
  end
  for column, spec in ipairs(tbl.colspecs) do tbl.colspecs[column] = {spec[1], nil} end
  return tbl
end

-- "(G3)" becomes a link where G3 is an equation. "f(3)" and "12 (3)" are something else.
local function link_equations(inlines)
  local result = pandoc.Inlines {}
  for i, inline in ipairs(inlines) do
    local text, done = inline.t == "Str" and inline.text or "", 1
    local two_back = i > 2 and inlines[i - 1].t == "Space" and inlines[i - 2]
    local after_number = two_back and two_back.t == "Str" and two_back.text:match("%d$")
    for start, tag, finish in text:gmatch("()%(([^()]+)%)()") do
      local plain = tag:match("^%d") and start == 1 and after_number
      if links[tag] and not plain and not text:sub(1, start - 1):match("[%w_]$") then
        if start > done then result:insert(pandoc.Str(text:sub(done, start - 1))) end
        local shown = {pandoc.Str(text:sub(start, finish - 1))}
        local class = {class = "equation quarto-xref"}  -- the second: it can be looked at from afar
        result:insert(pandoc.Link(shown, links[tag], "", class))
        done = finish
      end
    end
    if done == 1 then
      result:insert(inline)
    elseif done <= #text then
      result:insert(pandoc.Str(text:sub(done)))
    end
  end
  return result
end

local function as_it_is(element) return element, false end

return {
  {Meta = read},
  {Math = Math, Table = Table},
  {traverse = "topdown", Header = as_it_is, Link = as_it_is, Inlines = link_equations},
  {Header = Header},
}
