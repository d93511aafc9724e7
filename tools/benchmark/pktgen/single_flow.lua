-- 64-byte frames of one flow, as fast as the port goes.
local common = dofile("common.lua")
local settings = common.settings

common.prepare()
local sent, received = common.run(settings.seconds, settings.receiver)
common.report("single flow", 64, 100, settings.seconds, sent, received)
common.finish()
