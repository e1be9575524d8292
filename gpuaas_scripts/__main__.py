"""`python -m gpuaas_scripts` is `gpuaas-gen`."""

from .cli.main import main

if __name__ == "__main__":
    main()
