"""Our own GPU kernels, in Triton. Imported only where Triton is: PyTorch for CUDA brings it along.

Each file is one kernel and the function that calls it. With ``TRITON_INTERPRET=1`` they run on the CPU, slowly,
which is how they are tested where there is no GPU.
"""
