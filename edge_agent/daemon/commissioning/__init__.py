"""A general bundle is made an asset's own on the gateway, from the asset's recorded windows."""
