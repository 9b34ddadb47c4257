-- What Quarto adds to pandoc's markdown, for web pages and for README.md (gfm).
--
-- Pass 1 numbers figures, tables and equations and builds callouts and folded code.
-- Pass 2 replaces references such as @fig-x by links.
-- Pass 3 links what prose says of an equation, "(G3)", to the equation.
-- From build.py, as metadata: link-map (file -> file), site-url, image-prefix,
-- equations (tag -> identifier, on this page), references (tag -> address, on any page).

local for_readme = FORMAT:match("gfm") ~= nil
local titles = {fig = "Figure", tbl = "Table", eq = "Equation", sec = "Section"}
local callouts = {
  note = "Note", tip = "Tip", warning = "Warning", important = "Important", caution = "Caution",
}
local nbsp = "\u{a0}"
local counters = {fig = 0, tbl = 0, eq = 0}
local labels = {}  -- label -> inlines that name the thing
local link_map, site_url, image_prefix = {}, "", ""
local equations, references = {}, {}

local function texts(meta)
  local result = {}
  for from, to in pairs(meta or {}) do result[from] = pandoc.utils.stringify(to) end
  return result
end

local function Meta(meta)
  link_map = texts(meta["link-map"])
  equations, references = texts(meta.equations), texts(meta.references)
  site_url = pandoc.utils.stringify(meta["site-url"] or "")
  image_prefix = pandoc.utils.stringify(meta["image-prefix"] or "")
end

local function kind_of(label)
  local kind = label:match("^(%a+)%-")
  return titles[kind] and kind
end

-- Count the thing `label` names; returns its number
local function number(label)
  if labels[label] then error("two things have the label " .. label) end
  local kind = kind_of(label)
  counters[kind] = counters[kind] + 1
  labels[label] = {pandoc.Str(tostring(counters[kind]))}
  return counters[kind]
end

-- "Figure 1: " before the caption
local function numbered_caption(label, caption)
  local start = titles[kind_of(label)] .. nbsp .. number(label)
  local result = pandoc.Inlines {pandoc.Str(#caption > 0 and start .. ":" or start)}
  if #caption > 0 then result:insert(pandoc.Space()) end
  result:extend(caption)
  return result
end

local function raw(text) return pandoc.RawBlock("html", text) end

local function give_alt(blocks, caption)
  return blocks:walk {
    Image = function(image)
      local text = pandoc.utils.stringify(caption)
      if #image.caption == 0 then image.caption = {pandoc.Str(text)} end
      return image
    end
  }
end

-- A figure or table made of any blocks
local function float(id, blocks, caption)
  if kind_of(id) then caption = numbered_caption(id, caption) end
  local is_table = kind_of(id) == "tbl"
  if for_readme then
    blocks:insert(is_table and 1 or #blocks + 1, pandoc.Para(caption))
    return pandoc.Div(blocks, {id = id})
  end
  local attr = pandoc.Attr(id, is_table and {"table"} or {})
  return pandoc.Figure(give_alt(blocks, caption), {pandoc.Plain(caption)}, attr)
end

local function Image(image)
  local alt = image.attributes["fig-alt"]
  if alt then image.caption = alt ~= "" and {pandoc.Str(alt)} or {} end
  image.attributes["fig-alt"] = nil
  image.attributes["fig-align"] = nil
  local src = image.src
  if not (src:match("^%a+:") or src:match("^index_files/")) then image.src = image_prefix .. src end
  return image
end

local function Figure(figure)
  local caption = pandoc.utils.blocks_to_inlines(figure.caption.long)
  return float(figure.identifier, figure.content, caption)
end

-- pandoc gives all columns one width when a line is long: then the browser does better
local function equal_widths(tbl)
  local first = tbl.colspecs[1][2]
  for _, spec in ipairs(tbl.colspecs) do
    if spec[2] ~= first then return false end
  end
  return true
end

local function Table(tbl)
  local caption = pandoc.utils.blocks_to_inlines(tbl.caption.long)
  local id = tbl.identifier
  local widths = tbl.attributes["tbl-colwidths"]
  if widths then
    local column = 0
    for width in widths:gmatch("[%d.]+") do
      column = column + 1
      tbl.colspecs[column] = {tbl.colspecs[column][1], tonumber(width) / 100}
    end
    tbl.attributes["tbl-colwidths"] = nil
  elseif equal_widths(tbl) then
    for column, spec in ipairs(tbl.colspecs) do tbl.colspecs[column] = {spec[1], nil} end
  end
  tbl.caption, tbl.identifier = {}, ""
  local box = for_readme and tbl or pandoc.Div({tbl}, {class = "table-scroll"})
  if kind_of(id) or #caption > 0 then return float(id, pandoc.Blocks {box}, caption) end
  tbl.identifier = id
  return box
end

local function callout(div, kind)
  local title = pandoc.Inlines {pandoc.Str(div.attributes.title or callouts[kind])}
  local first = div.content[1]
  local has_title = div.attributes.title ~= nil
  if first and first.t == "Header" then
    title, has_title = first.content, true
    div.content:remove(1)
  end
  if for_readme then
    local mark = pandoc.Para {pandoc.RawInline("markdown", "[!" .. kind:upper() .. "]")}
    local head = has_title and {mark, pandoc.Header(3, title)} or {mark}
    return pandoc.BlockQuote(pandoc.Blocks(head) .. div.content)
  end
  local id = div.identifier ~= "" and ' id="' .. div.identifier .. '"' or ""
  local class = ' class="callout callout-' .. kind .. '"'
  local open, close = "<div" .. id .. class .. '><div class="callout-title">', "</div>"
  local finish = "</div>"
  if div.attributes.collapse then
    local state = div.attributes.collapse == "false" and " open" or ""
    open, close = "<details" .. id .. class .. state .. "><summary>", "</summary>"
    finish = "</details>"
  end
  return pandoc.Blocks {raw(open), pandoc.Plain(title), raw(close)} .. div.content .. {raw(finish)}
end

local function Div(div)
  for _, class in ipairs(div.classes) do
    local kind = class:match("^callout%-(%a+)$")
    if callouts[kind] then return callout(div, kind) end
  end
  local kind, from_cell = kind_of(div.identifier), div.classes:includes("float")
  if from_cell or kind == "fig" or kind == "tbl" then
    local caption = pandoc.Inlines {}
    local last = div.content[#div.content]
    local marked = last and last.t == "Div" and last.classes:includes("float-caption")
    if marked or (last and last.t == "Para" and not from_cell) then
      caption = pandoc.utils.blocks_to_inlines(marked and last.content or {last})
      div.content:remove()
    end
    return float(div.identifier, div.content, caption)
  end
  if for_readme and div.classes[1] and div.classes[1]:match("^cell") then return div.content end
end

local function CodeBlock(block)
  local fold = block.attributes["code-fold"]
  local summary = block.attributes["code-summary"] or "Code"
  block.attributes["code-fold"], block.attributes["code-summary"] = nil, nil
  if for_readme then block.classes = {block.classes[1]} end
  if fold and fold ~= "false" then
    local state = fold == "show" and " open" or ""
    summary = summary:gsub("&", "&amp;"):gsub("<", "&lt;")
    local open = '<details class="code-fold"' .. state .. "><summary>" .. summary .. "</summary>"
    return {raw(open), block, raw("</details>")}
  end
  return block
end

-- $$ ... $$ {#eq-x}: a numbered equation; $$ ... \tag{x} $$: an equation with a number of its own
local function Equations(block)
  local result, i = pandoc.Inlines {}, 1
  while i <= #block.content do
    local math, label = block.content[i], block.content[i + 2]
    local id = label and label.t == "Str" and label.text:match("^{#(eq%-[^}]+)}")
    if math.t == "Math" and math.mathtype == "DisplayMath" and id then
      math.text = math.text .. " \\tag{" .. number(id) .. "}"
      result:insert(pandoc.Span({math}, {id = id}))
      local rest = label.text:match("}(.*)$")
      if rest ~= "" then result:insert(pandoc.Str(rest)) end
      i = i + 3
    elseif math.t == "Math" and equations[math.text:match("\\tag{([^}]*)}")] then
      result:insert(pandoc.Span({math}, {id = equations[math.text:match("\\tag{([^}]*)}")]}))
      i = i + 1
    else
      result:insert(math)
      i = i + 1
    end
  end
  block.content = result
  return block
end

local function Header(header)
  if kind_of(header.identifier) == "sec" then labels[header.identifier] = header.content end
end

-- Links between notebooks become links between pages; nbdev's links carry the site's address
local function Link(link)
  local target = link.target
  if target:sub(1, #site_url) == site_url then target = target:sub(#site_url + 1) end
  local page, fragment = target:gsub("^/", ""):match("^([^#]*)(#?.*)$")
  if link_map[page] then
    link.target = link_map[page] .. (link_map[page]:match("%.ipynb$") and "" or fragment)
  elseif target ~= link.target or target:match("^/[^/]") then
    link.target = page .. fragment
  end
  return link
end

local function Cite(cite)
  local result = pandoc.Inlines {}
  for i, citation in ipairs(cite.citations) do
    local id = citation.id:gsub("^%u", string.lower)
    local kind = kind_of(id)
    if not kind then return nil end
    if not labels[id] then error("nothing on this page has the label @" .. citation.id) end
    local text = pandoc.Inlines {}
    if #citation.prefix > 0 then
      text:extend(citation.prefix)
      text:insert(pandoc.Str(nbsp))
    elseif kind ~= "sec" and citation.mode ~= "SuppressAuthor" then
      text:insert(pandoc.Str(titles[kind] .. nbsp))
    end
    text:extend(labels[id])
    if i > 1 then result:extend {pandoc.Str(","), pandoc.Space()} end
    local class = for_readme and {} or {class = "quarto-xref"}
    result:insert(pandoc.Link(text, "#" .. id, "", class))
  end
  return result
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
      if references[tag] and not plain and not text:sub(1, start - 1):match("[%w_]$") then
        if start > done then result:insert(pandoc.Str(text:sub(done, start - 1))) end
        local shown = {pandoc.Str(text:sub(start, finish - 1))}
        result:insert(pandoc.Link(shown, references[tag], "", {class = "equation"}))
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
  {Meta = Meta},
  {Image = Image, Figure = Figure, Table = Table, Div = Div, CodeBlock = CodeBlock,
   Para = Equations, Plain = Equations, Header = Header, Link = Link},
  {Cite = Cite},
  {traverse = "topdown", Header = as_it_is, Link = as_it_is, Inlines = link_equations},
}
