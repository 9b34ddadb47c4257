-- What Quarto adds to pandoc's markdown, as far as the book uses it (FEATURES in
-- tests/test_quarto.py), for web pages and for README.md (gfm).
--
-- Pass 1 numbers figures and tables and folds code; pass 2 replaces references such as @fig-x by links.
-- From build.py, as metadata: link-map (file -> file), site-url, image-prefix.

local for_readme = FORMAT:match("gfm") ~= nil
local titles = {fig = "Figure", tbl = "Table"}
local nbsp = "\u{a0}"
local counters = {fig = 0, tbl = 0}
local labels = {}  -- label -> the number of the thing
local link_map, site_url, image_prefix = {}, "", ""

local function Meta(meta)
  for from, to in pairs(meta["link-map"] or {}) do link_map[from] = pandoc.utils.stringify(to) end
  site_url = pandoc.utils.stringify(meta["site-url"] or "")
  image_prefix = pandoc.utils.stringify(meta["image-prefix"] or "")
end

local function kind_of(label)
  local kind = label:match("^(%a+)%-")
  return titles[kind] and kind
end

-- "Figure 1: " before the caption of the thing with this label
local function numbered_caption(label, caption)
  if labels[label] then error("two things have the label " .. label) end
  local kind = kind_of(label)
  counters[kind] = counters[kind] + 1
  labels[label] = tostring(counters[kind])
  local start = titles[kind] .. nbsp .. labels[label]
  local result = pandoc.Inlines {pandoc.Str(#caption > 0 and start .. ":" or start)}
  if #caption > 0 then result:insert(pandoc.Space()) end
  result:extend(caption)
  return result
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
  return pandoc.Figure(blocks, {pandoc.Plain(caption)}, attr)
end

local function Image(image)
  local src, alt = image.src, image.attributes["fig-alt"]
  if alt then image.caption, image.attributes["fig-alt"] = {pandoc.Str(alt)}, nil end
  if not (src:match("^%a+:") or src:match("^index_files/")) then image.src = image_prefix .. src end
  return image
end

local function Table(tbl)
  local caption, id = pandoc.utils.blocks_to_inlines(tbl.caption.long), tbl.identifier
  tbl.caption, tbl.identifier = {}, ""
  local box = for_readme and tbl or pandoc.Div({tbl}, {class = "table-scroll"})
  if kind_of(id) or #caption > 0 then return float(id, pandoc.Blocks {box}, caption) end
  return box
end

local function Div(div)
  if div.classes:includes("float") then
    local caption = pandoc.utils.blocks_to_inlines(div.content:remove().content)
    return float(div.identifier, div.content, caption)
  end
  if for_readme and div.classes[1] and div.classes[1]:match("^cell") then return div.content end
end

local function CodeBlock(block)
  local fold = block.attributes["code-fold"]
  local summary = block.attributes["code-summary"] or "Code"
  block.attributes["code-fold"], block.attributes["code-summary"] = nil, nil
  if for_readme then block.classes = {block.classes[1]} end
  if not fold or fold == "false" then return block end
  local state = fold == "show" and " open" or ""
  summary = summary:gsub("&", "&amp;"):gsub("<", "&lt;")
  local open = '<details class="code-fold"' .. state .. "><summary>" .. summary .. "</summary>"
  return {pandoc.RawBlock("html", open), block, pandoc.RawBlock("html", "</details>")}
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
    local id = citation.id
    if not kind_of(id) then return nil end
    if not labels[id] then error("nothing on this page has the label @" .. id) end
    local text = pandoc.Inlines {pandoc.Str(titles[kind_of(id)] .. nbsp), pandoc.Str(labels[id])}
    if i > 1 then result:extend {pandoc.Str(","), pandoc.Space()} end
    result:insert(pandoc.Link(text, "#" .. id, "", for_readme and {} or {class = "quarto-xref"}))
  end
  return result
end

return {
  {Meta = Meta},
  {Image = Image, Table = Table, Div = Div, CodeBlock = CodeBlock, Link = Link},
  {Cite = Cite},
}
